{{- define "sightline.lagTrigger" -}}
- type: nats-jetstream
  name: {{ .name }}
  metadata:
    natsServerMonitoringEndpoint: {{ include "sightline.natsMonitoring" .root | quote }}
    account: {{ include "sightline.natsAccount" .root | quote }}
    stream: {{ .stream }}
    consumer: {{ .consumer }}
    lagThreshold: {{ int64 .threshold | quote }}
    activationLagThreshold: "0"
{{- end -}}

{{/* Up at once, but bounded whatever the number says; down slowly, because each replica that goes drains first. */}}
{{- define "sightline.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - {type: Pods, value: {{ int .Values.autoscaling.scaleUpPods }}, periodSeconds: 15}
    - {type: Percent, value: 100, periodSeconds: 15}
scaleDown:
  stabilizationWindowSeconds: {{ int .Values.autoscaling.scaleDownWindowSeconds }}
  policies:
    - {type: Percent, value: 50, periodSeconds: 60}
{{- end -}}
