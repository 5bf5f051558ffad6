{{- define "onepoint.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "onepoint.contexts" -}}
member,notification,point,coupon,mypage,donation,deal,settlement,dashboard,product,membership,payment,gifticon,cart
{{- end -}}

{{/* Contexts that others ask questions. */}}
{{- define "onepoint.asked" -}}
point,coupon,member,deal,product,membership,gifticon,cart
{{- end -}}

{{/* What is deployed: all contexts in one, or each of them and the gateway. */}}
{{- define "onepoint.parts" -}}
{{- if eq .Values.topology "split" -}}{{ include "onepoint.contexts" . }},gateway{{- else -}}all{{- end -}}
{{- end -}}

{{/* Call with (list $ part). */}}
{{- define "onepoint.name" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}
{{- if eq $part "all" -}}{{ include "onepoint.fullname" $root }}{{- else -}}{{ include "onepoint.fullname" $root }}-{{ $part }}{{- end -}}
{{- end -}}

{{- define "onepoint.selector" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ $part }}
{{- end -}}

{{- define "onepoint.labels" -}}
{{- $root := index . 0 -}}
{{ include "onepoint.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "onepoint.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a part has otherwise than the others; as YAML. */}}
{{- define "onepoint.part" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}
{{- $own := index $root.Values.parts $part | default dict -}}
{{- $scaling := mergeOverwrite (deepCopy $root.Values.autoscaling) ($own.autoscaling | default dict) -}}
{{- $isMeant := or (eq $root.Values.topology "single") (has $part $root.Values.autoscaling.parts) -}}
{{- $scales := ternary $scaling.enabled (and $scaling.enabled $isMeant) (hasKey ($own.autoscaling | default dict) "enabled") -}}
{{- $figures := mergeOverwrite (deepCopy (index $root.Values.autoscaling.profiles $scaling.profile | default dict)) (omit ($own.autoscaling | default dict) "profile" "profiles" "enabled") -}}
{{- dict "replicas" ($own.replicas | default $root.Values.replicas) "resources" ($own.resources | default $root.Values.resources) "scales" $scales "scaling" $figures "slowly" $scaling.scaleDownStabilizationSeconds | toYaml -}}
{{- end -}}

{{/* How many connections the database servers must allow together: all replicas and one more of each part, which a
rollout starts beside the others. A process of one context holds up to 7 (values.yaml says which), 14 on MariaDB, one of
all contexts about 120. */}}
{{- define "onepoint.connections" -}}
{{- $sum := 0 -}}
{{- range $part := splitList "," (include "onepoint.parts" .) -}}
{{- $is := include "onepoint.part" (list $ $part) | fromYaml -}}
{{- $each := ternary 120 (ternary 14 7 (hasKey $.Values.database.contexts $part)) (eq $part "all") -}}
{{- if ne $part "gateway" -}}
{{- $sum = add $sum (mul $each (add 1 (ternary $is.scaling.maxReplicas $is.replicas $is.scales | int))) -}}
{{- end -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{- define "onepoint.variable" -}}
ONEPOINT_{{ . | upper | replace "." "__" }}
{{- end -}}

{{/* The reference to the database URL of a context or of access; as YAML. */}}
{{- define "onepoint.database" -}}
{{- $root := index . 0 -}}{{- $context := index . 1 -}}
{{- $own := index $root.Values.database.contexts $context | default dict -}}
{{- dict "existingSecret" ($own.existingSecret | default $root.Values.database.existingSecret) "key" ($own.key | default $root.Values.database.key) | toYaml -}}
{{- end -}}

{{/* Which secret files a part reads: {file: {setting, existingSecret, key}}; as YAML. */}}
{{- define "onepoint.secretFiles" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}{{- $values := $root.Values -}}
{{- $files := dict -}}
{{- if ne $part "gateway" -}}
{{- $_ := set $files "programme-secret" (merge (dict "setting" "programme.secret") $values.secrets.programme) -}}
{{- if ne $values.database.engine "sqlite" -}}
{{- if has $part (list "all" "migration") -}}
{{- $_ := set $files "database-url" (dict "setting" "database.url" "existingSecret" $values.database.existingSecret "key" $values.database.key) -}}
{{- range $context, $own := $values.database.contexts -}}
{{- $_ := set $files (printf "database-url-%s" $context) (merge (dict "setting" (printf "%s.database.url" $context)) (include "onepoint.database" (list $root $context) | fromYaml)) -}}
{{- end -}}
{{- else -}}
{{- range $context := list "access" $part -}}
{{- $_ := set $files (printf "database-url-%s" $context) (merge (dict "setting" (printf "%s.database.url" $context)) (include "onepoint.database" (list $root $context) | fromYaml)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (has $part (list "all" "payment")) $values.secrets.paymentKey.existingSecret -}}
{{- $_ := set $files "payment-key" (merge (dict "setting" "payment.key") $values.secrets.paymentKey) -}}
{{- end -}}
{{- if has $part (list "all" "notification") -}}
{{- range $file, $setting := dict "smtpPassword" "smtp.password" "smsUrl" "sms.url" "smsHeader" "sms.header" -}}
{{- with index $values.secrets $file -}}
{{- if .existingSecret -}}
{{- $_ := set $files ($file | kebabcase) (merge (dict "setting" $setting) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq $values.topology "split") (ne $part "migration") -}}
{{- $_ := set $files "internal-key" (merge (dict "setting" "internal.key") $values.secrets.internalKey) -}}
{{- if and (ne $part "gateway") $values.kafka.existingSecret -}}
{{- $_ := set $files "bus-url" (dict "setting" "bus.url" "existingSecret" $values.kafka.existingSecret "key" $values.kafka.key) -}}
{{- end -}}
{{- end -}}
{{- $files | toYaml -}}
{{- end -}}

{{- define "onepoint.secretVariables" -}}
{{- range $file, $secret := include "onepoint.secretFiles" . | fromYaml }}
- name: {{ include "onepoint.variable" $secret.setting }}_FILE
  value: /etc/onepoint/secrets/{{ $file }}
{{- end }}
{{- end -}}

{{- define "onepoint.secretVolume" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}
{{- $files := include "onepoint.secretFiles" . | fromYaml -}}
{{- if or (eq $part "migration") (and (eq $part "all") (eq $root.Values.database.engine "sqlite")) -}}
{{- $_ := set $files "operator-key" $root.Values.secrets.operatorKey -}}
{{- end -}}
{{- if and (eq $part "migration") (eq $root.Values.topology "split") -}}
{{- $_ := set $files "internal-key" $root.Values.secrets.internalKey -}}
{{- end -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $file, $secret := $files }}
      - secret:
          name: {{ $secret.existingSecret }}
          items: [{key: {{ $secret.key | quote }}, path: {{ $file }}}]
      {{- end }}
{{- end -}}

{{- define "onepoint.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "onepoint.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* A container that takes one key in; call with (list $ part role file). */}}
{{- define "onepoint.adopt" -}}
{{- $root := index . 0 -}}{{- $part := index . 1 -}}{{- $role := index . 2 -}}{{- $file := index . 3 -}}
- name: {{ $file }}
  image: {{ include "onepoint.image" $root }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  args: [keys, adopt, --role, {{ $role }}, --from, /etc/onepoint/secrets/{{ $file }}]
  securityContext: {{- include "onepoint.containerSecurity" $root | nindent 4 }}
  resources: {{- toYaml $root.Values.resources | nindent 4 }}
  env: {{- include "onepoint.commandEnvironment" (list $root $part) | nindent 4 }}
  volumeMounts:
    - {name: data, mountPath: /data}
    - {name: secrets, mountPath: /etc/onepoint/secrets, readOnly: true}
{{- end -}}
