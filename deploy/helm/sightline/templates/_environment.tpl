{{/*
Variables of one pod, as YAML: name -> text, or {secret, key}. (dict "root" $ "name" "captioner" "component" $c)
What the chart sets here cannot be set in `env`: other objects follow from it.
*/}}
{{- define "sightline.ownEnvironment" -}}
{{- $env := include "sightline.busEnvironment" . | fromYaml -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $_ := set $env "SIGHTLINE_LOG_FORMAT" "json" -}}
{{- $_ := set $env "SIGHTLINE_LOG_LEVEL" $root.Values.logLevel -}}
{{- with $root.Values.tracing.endpoint -}}
{{- $_ := set $env "SIGHTLINE_TRACE" "otlp" -}}
{{- $_ := set $env "OTEL_EXPORTER_OTLP_ENDPOINT" . -}}
{{- end -}}
{{- if eq $component.kind "agent" -}}
{{- $_ := set $env "AGENT_HTTP_HOST" "0.0.0.0" -}}
{{- $_ := set $env "AGENT_HTTP_PORT" "8081" -}}
{{- $_ := set $env "AGENT_METRICS_PORT" "8080" -}}
{{- $_ := set $env "AGENT_DRAIN_SECONDS" (include "sightline.scalar" $component.drainSeconds) -}}
{{- else -}}
{{- $_ := set $env "SIGHTLINE_HTTP_HOST" "0.0.0.0" -}}
{{- $_ := set $env "SIGHTLINE_HTTP_PORT" "8080" -}}
{{- $_ := set $env "SIGHTLINE_DRAIN_SECONDS" (include "sightline.scalar" $component.drainSeconds) -}}
{{- end -}}
{{- if has .name (list "room-ingest" "agent") -}}
{{- $livekit := $root.Values.livekit -}}
{{- $_ := set $env "LIVEKIT_URL" $livekit.url -}}
{{- $_ := set $env "LIVEKIT_API_KEY" (dict "secret" $livekit.existingSecret "key" $livekit.keyName) -}}
{{- $_ := set $env "LIVEKIT_API_SECRET" (dict "secret" $livekit.existingSecret "key" $livekit.secretName) -}}
{{- end -}}
{{- if eq .name "gateway" -}}
{{- $jwt := $component.jwt -}}
{{- $_ := set $env "GATEWAY_HOST" "0.0.0.0" -}}
{{- $_ := set $env "GATEWAY_PORT" "8090" -}}
{{- $_ := set $env "GATEWAY_JWT_SECRET" (dict "secret" $jwt.existingSecret "key" $jwt.key) -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{/* Whose nkey a pod has. */}}
{{- define "sightline.credential" -}}{{ eq . "init" | ternary "admin" . }}{{- end -}}

{{/* How a pod finds the bus, and what it shows there. */}}
{{- define "sightline.busEnvironment" -}}
{{- $nats := .root.Values.nats -}}
NATS_URL: {{ include "sightline.natsUrl" .root | quote }}
NATS_STREAM_REPLICAS: {{ include "sightline.streamReplicas" .root | quote }}
{{- if $nats.auth.seedSecret }}
NATS_NKEY_SEED_FILE: /etc/sightline/nats/seed.nk
NATS_INBOX_PREFIX: _INBOX_{{ include "sightline.credential" .name }}
NATS_CREATE_STREAMS: {{ has .name (list "room-ingest" "gateway" "init") | quote }}
{{- end }}
{{- if $nats.tls.existingSecret }}
NATS_TLS_CA: /etc/sightline/nats-tls/ca.crt
{{- end }}
{{- end -}}

{{/* The list for a container: what the chart sets, then `env` of its section. */}}
{{- define "sightline.env" -}}
{{- $own := include "sightline.ownEnvironment" . | fromYaml -}}
{{- $name := .name -}}
{{- range $variable, $value := .component.env -}}
{{- if hasKey $own $variable -}}
{{- fail (printf "%s.env: %s is set by the chart: there is a value for it, see values.yaml" $name $variable) -}}
{{- end -}}
{{- $_ := set $own $variable (include "sightline.scalar" $value) -}}
{{- end -}}
{{- range $variable, $value := $own }}
- name: {{ $variable }}
{{- if kindIs "map" $value }}
  valueFrom:
    secretKeyRef:
      name: {{ $value.secret }}
      key: {{ $value.key }}
{{- else }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Credentials of the bus, each pod its own only. */}}
{{- define "sightline.busMounts" -}}
{{- if .Values.nats.auth.seedSecret }}
- name: nats-seed
  mountPath: /etc/sightline/nats
  readOnly: true
{{- end }}
{{- if .Values.nats.tls.existingSecret }}
- name: nats-ca
  mountPath: /etc/sightline/nats-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "sightline.busVolumes" -}}
{{- with .root.Values.nats.auth.seedSecret }}
- name: nats-seed
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - key: {{ include "sightline.credential" $.name }}.nk
        path: seed.nk
{{- end }}
{{- with .root.Values.nats.tls.existingSecret }}
- name: nats-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end -}}
