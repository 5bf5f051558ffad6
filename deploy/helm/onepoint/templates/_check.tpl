{{/* Refuses what cannot work, in words, before anything is sent to the cluster. */}}
{{- define "onepoint.check" -}}
{{- $values := .Values -}}
{{- $parts := splitList "," (include "onepoint.parts" .) -}}
{{- if eq $values.database.engine "sqlite" -}}
{{- if eq $values.topology "split" -}}
{{- fail "topology split needs a database server: processes share the API keys, and a sqlite: file has one process. Set database.engine=postgres and database.existingSecret" -}}
{{- end -}}
{{- range $part := $parts -}}
{{- $is := include "onepoint.part" (list $ $part) | fromYaml -}}
{{- if gt (int $is.replicas) 1 -}}
{{- fail (printf "%d replicas cannot share sqlite: files, which one process writes. Set replicas=1, or database.engine=postgres and database.existingSecret" (int $is.replicas)) -}}
{{- end -}}
{{- if $is.scales -}}
{{- fail "autoscaling cannot share sqlite: files, which one process writes. Set autoscaling.enabled=false, or database.engine=postgres and database.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- if $values.database.contexts -}}
{{- fail "database.contexts names servers for single contexts, so the others need one, too: set database.engine=postgres and database.existingSecret" -}}
{{- end -}}
{{- else if not $values.database.existingSecret -}}
{{- fail "database.existingSecret is empty: name the Secret that holds the URL of the database server" -}}
{{- end -}}
{{- if not $values.secrets.programme.existingSecret -}}
{{- fail "secrets.programme.existingSecret is empty: name the Secret that holds the programme's secret, under which contact data is sealed" -}}
{{- end -}}
{{- if not $values.secrets.operatorKey.existingSecret -}}
{{- fail "secrets.operatorKey.existingSecret is empty: name the Secret that holds an operator's key; without one the program answers nobody" -}}
{{- end -}}
{{- if eq $values.topology "split" -}}
{{- if not $values.secrets.internalKey.existingSecret -}}
{{- fail "secrets.internalKey.existingSecret is empty: name the Secret that holds the service key by which processes ask each other" -}}
{{- end -}}
{{- if not (or $values.kafka.existingSecret (hasPrefix "kafka://" $values.kafka.url)) -}}
{{- fail "topology split needs kafka.url, like kafka://host:9092, or kafka.existingSecret: events travel there" -}}
{{- end -}}
{{- if and $values.kafka.url (not (regexMatch "^kafka://[A-Za-z0-9.:,-]+$" $values.kafka.url)) -}}
{{- fail "kafka.url holds more than addresses: what lets a client in would stand in the Deployment for all to read. Put the whole URL into a Secret and name it in kafka.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- range $part, $own := $values.parts -}}
{{- if not (has $part $parts) -}}
{{- fail (printf "parts.%s: topology %s has no such part; it has %s" $part $values.topology (join ", " $parts)) -}}
{{- end -}}
{{- end -}}
{{- $policy := $values.networkPolicy -}}
{{- if and $values.serviceMonitor.enabled $policy.enabled (not $policy.metricsFrom) (or (eq $values.topology "split") $policy.from) -}}
{{- fail "networkPolicy.metricsFrom is empty: serviceMonitor is on, but the NetworkPolicy lets no Prometheus in. Say where it runs, like {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}" -}}
{{- end -}}
{{- $own := list "listen" "data" "contexts" "bus.url" "internal.listen" "drain.grace_ms" "http.base_url" "payment.internal_url" -}}
{{- $contexts := splitList "," (include "onepoint.contexts" .) -}}
{{- range $key, $value := $values.settings -}}
{{- if regexMatch "(^|\\.)(secret|key|password)$|database\\.url$|^sms\\.(url|header)$" $key -}}
{{- fail (printf "settings.%s is a secret: it does not belong into values; name a Secret that holds it" $key) -}}
{{- end -}}
{{- $isAddress := or (and (regexMatch "^[a-z]+\\.url$" $key) (ne $key "payment.url")) (and (hasPrefix "gateway." $key) (has (trimPrefix "gateway." $key) $contexts)) -}}
{{- if or (has $key $own) $isAddress -}}
{{- fail (printf "settings.%s is set by this chart; see values.yaml for what it is made from" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
