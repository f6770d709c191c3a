{{/* LiteLLM's configuration of one gateway: the models it serves, the strategies as groups, the settings. */}}
{{- define "gateways.config" -}}
{{- $values := .values -}}
{{- $gateway := .name -}}
{{- $served := .served -}}
model_list:
{{- range $name, $providers := $served }}
{{- $model := index $values.models $name }}
{{- $single := list (dict "provider" $model.provider "id" ($model.id | default $name)) }}
{{- range $priority, $deployment := $model.deployments | default $single }}
{{- if has $deployment.provider $providers }}
{{- $provider := index $values.providers $deployment.provider }}
{{- $behind := $provider.gateway | default "" }}
  - model_name: {{ $name | quote }}
    litellm_params:
{{- if and $behind (ne $behind $gateway) }}
      model: {{ printf "litellm_proxy/%s" $name | quote }}
      api_base: {{ printf "http://%s.%s.svc:80" $behind (index $values.gateways $behind).namespace | quote }}
      api_key: os.environ/{{ $behind | upper | replace "-" "_" }}_KEY
{{- else }}
      model: {{ printf "%s/%s" $provider.type ($deployment.id | default $name) | quote }}
{{- with $provider.location }}
      vertex_project: os.environ/PROJECT_ID
      vertex_location: {{ . | quote }}
{{- end }}
{{- with $deployment.region | default $provider.region }}
      aws_region_name: {{ . | quote }}
{{- end }}
{{- with $provider.base_url }}
      api_base: {{ . | quote }}
{{- end }}
{{- if $provider.api_key }}
      api_key: os.environ/{{ $deployment.provider | upper | replace "-" "_" }}_API_KEY
{{- end }}
{{- end }}
{{- if $model.deployments }}
      order: {{ add1 $priority }}
{{- end }}
{{- with $deployment.rpm }}
      rpm: {{ int64 . }}
{{- end }}
{{- with $deployment.tpm }}
      tpm: {{ int64 . }}
{{- end }}
    model_info:
      id: {{ printf "%s/%s" $deployment.provider $name | quote }}
      provider: {{ $deployment.provider | quote }}
      mode: {{ $model.modes | default (list "chat") | first }}
{{- with $model.context_window }}
      max_input_tokens: {{ int64 . }}
{{- end }}
{{- with $model.max_output_tokens }}
      max_output_tokens: {{ int64 . }}
{{- end }}
{{- with $model.price }}
      input_cost_per_token: {{ divf .input 1000000 }}
      output_cost_per_token: {{ divf .output 1000000 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
litellm_settings:
  num_retries: 0
  request_timeout: {{ $values.fallback.timeout_s }}
  telemetry: false
router_settings:
  routing_strategy: simple-shuffle
  num_retries: 0
  timeout: {{ $values.fallback.timeout_s }}
  allowed_fails: {{ sub $values.fallback.cooldown.failures 1 }}
  cooldown_time: {{ $values.fallback.cooldown.seconds }}
  routing_groups:
{{- range $name, $strategy := $values.strategies }}
    - group_name: auto/{{ $name }}
      routing_strategy: priority
      models:
{{- if $strategy.candidates }}
{{- range $model := $strategy.candidates }}
{{- if hasKey $served $model }}
        - {{ $model | quote }}
{{- end }}
{{- end }}
{{- else }}
{{- $capabilities := dig "select" "capabilities" list $strategy }}
{{- $window := float64 (dig "select" "min_context_window" 0 $strategy) }}
{{- range $model, $_ := $served }}
{{- $facts := index $values.models $model }}
{{- $fits := ge (float64 ($facts.context_window | default 0)) $window }}
{{- range $capabilities }}
{{- if not (has . ($facts.capabilities | default list)) }}{{ $fits = false }}{{ end }}
{{- end }}
{{- if $fits }}
        - {{ $model | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
general_settings:
  enforce_fallback_model_access: true
  master_key: os.environ/LITELLM_MASTER_KEY
{{- end }}

{{/* What a request is routed by: the strategies, and the facts of the models that the gateway serves. */}}
{{- define "gateways.table" -}}
{{- $values := .values -}}
{{- $models := dict -}}
{{- range $name, $providers := .served -}}
{{- $facts := omit (index $values.models $name) "provider" "id" "deployments" "lifecycle" -}}
{{- $_ := set $models $name (merge (dict "providers" $providers) $facts) -}}
{{- end -}}
{{- dict "catalog" $values.name "gateway" .name "strategies" $values.strategies "models" $models | toPrettyJson -}}
{{- end }}

{{/* The gateways that a provider is reached through; every other one is a router. */}}
{{- define "gateways.owned" -}}
{{- range .Values.providers }}{{ with .gateway }}{{ . }} {{ end }}{{ end }}
{{- end }}
