{{/*
How long a pod has to end, in seconds, from the first preStop to SIGKILL. Never less than its own patience:
a service ends itself nine seconds after SIGTERM and SIGHTLINE_DRAIN_SECONDS at the latest; LiveKit's worker
closes the jobs that are left after AGENT_DRAIN_SECONDS, within ten.
*/}}
{{- define "sightline.graceSeconds" -}}
{{- $late := eq .kind "agent" | ternary 20 10 -}}
{{- add (default 0 .preStopSeconds | int) (ceil .drainSeconds | int) $late -}}
{{- end -}}

{{- define "sightline.lifecycle" -}}
{{- with .preStopSeconds }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ int . }}
{{- end }}
{{- end -}}

{{/* /livez: the event loop runs. /readyz: the bus answers, and nothing else is wrong. LiveKit's worker answers at /worker while it runs, and at / that it takes rooms. */}}
{{- define "sightline.probes" -}}
{{- $agent := eq .kind "agent" -}}
livenessProbe:
  httpGet:
    path: {{ $agent | ternary "/worker" "/livez" }}
    port: {{ $agent | ternary "health" "http" }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: {{ $agent | ternary "/" "/readyz" }}
    port: {{ $agent | ternary "health" "http" }}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}
