{{/* The environment of a command that does one thing and ends, with the same settings; call with (list $ part). */}}
{{- define "onepoint.commandEnvironment" -}}
{{- $root := index . 0 -}}
{{- range $key, $value := merge (dict "data" "/data" "log.format" "json") $root.Values.settings }}
- {name: {{ include "onepoint.variable" $key }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- include "onepoint.secretVariables" . }}
{{- end -}}

{{/* The environment of a part's program; call with (list $ part). */}}
{{- define "onepoint.environment" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}{{- $values := $root.Values -}}
{{- $settings := dict "listen" "0.0.0.0:8080" "data" "/data" "log.format" "json" "drain.grace_ms" ($values.shutdown.graceMs | toString) -}}
{{- with $values.baseUrl -}}{{- $_ := set $settings "http.base_url" . -}}{{- end -}}
{{- if eq $values.topology "split" -}}
{{- if eq $part "gateway" -}}
{{- range $context := splitList "," (include "onepoint.contexts" $root) -}}
{{- $_ := set $settings (printf "gateway.%s" $context) (printf "http://%s:8080" (include "onepoint.name" (list $root $context))) -}}
{{- end -}}
{{- else -}}
{{- $_ := set $settings "internal.listen" "0.0.0.0:8081" -}}
{{- if not $values.kafka.existingSecret -}}{{- $_ := set $settings "bus.url" $values.kafka.url -}}{{- end -}}
{{- /* The dashboard shows figures of all. */ -}}
{{- range $context := splitList "," (include (ternary "onepoint.contexts" "onepoint.asked" (eq $part "dashboard")) $root) -}}
{{- if ne $context $part -}}
{{- $key := ternary "payment.internal_url" (printf "%s.url" $context) (eq $context "payment") -}}
{{- $_ := set $settings $key (printf "http://%s:8081" (include "onepoint.name" (list $root $context))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $settings = merge $settings $values.settings -}}
{{- range $key, $value := $settings }}
- {name: {{ include "onepoint.variable" $key }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- include "onepoint.secretVariables" (list $root $part) }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name={{ $root.Release.Namespace }}
{{- end -}}
