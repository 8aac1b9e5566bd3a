"""Parts of SageMaker's endpoints: variants, what is captured, queues, and what containers may do beyond reading."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.base.identity import Grant, Statement
from components.serving import ModelConfig
from components.serving.sagemaker.modes import Asynchronous, RealTime, Serverless

CAPTURED = "captured/"
"""Where captured requests lie in the raw zone."""
ANSWERS, FAILURES = "answers/", "failures/"
"""Where asynchronous endpoints leave what they answered and what they could not, in the zone of artifacts."""


def variant(
    name: str,
    model_name: pulumi.Output[str],
    model: ModelConfig,
    mode: RealTime | Serverless | Asynchronous,
    weight: int,
) -> "aws.sagemaker.EndpointConfigurationProductionVariantArgs":
    """A variant that answers its share of the requests."""
    sm = aws.sagemaker
    if isinstance(mode, Serverless):
        return sm.EndpointConfigurationProductionVariantArgs(
            variant_name=name,
            model_name=model_name,
            serverless_config=sm.EndpointConfigurationProductionVariantServerlessConfigArgs(
                memory_size_in_mb=mode.memory_mb,
                max_concurrency=mode.max_concurrency,
                provisioned_concurrency=mode.provisioned_concurrency or None,
            ),
        )
    return sm.EndpointConfigurationProductionVariantArgs(
        variant_name=name,
        model_name=model_name,
        instance_type=mode.instance_type,
        initial_instance_count=max(model.min_replicas, 1),
        initial_variant_weight=weight,
    )


def shadow(
    name: str, model_name: pulumi.Output[str], model: ModelConfig, mode: RealTime, percent: int
) -> "aws.sagemaker.EndpointConfigurationShadowProductionVariantArgs":
    """A variant that is asked and never answers. The stable one has weight 100, so that this weight is its share."""
    return aws.sagemaker.EndpointConfigurationShadowProductionVariantArgs(
        variant_name=name,
        model_name=model_name,
        instance_type=mode.instance_type,
        initial_instance_count=max(model.min_replicas, 1),
        initial_variant_weight=percent,
    )


def capture(
    model: ModelConfig, mode: RealTime | Serverless | Asynchronous, bucket: pulumi.Output[str], key: pulumi.Output[str]
) -> "aws.sagemaker.EndpointConfigurationDataCaptureConfigArgs | None":
    """What is kept of requests and answers."""
    if not isinstance(mode, RealTime) or not mode.capture_percent:
        return None
    sm = aws.sagemaker
    return sm.EndpointConfigurationDataCaptureConfigArgs(
        enable_capture=True,
        initial_sampling_percentage=mode.capture_percent,
        destination_s3_uri=pulumi.Output.concat("s3://", bucket, f"/{CAPTURED}{model.name}"),
        kms_key_id=key,
        capture_options=[
            sm.EndpointConfigurationDataCaptureConfigCaptureOptionArgs(capture_mode=what)
            for what in ("Input", "Output")
        ],
    )


def queue(
    model: ModelConfig, mode: RealTime | Serverless | Asynchronous, bucket: pulumi.Output[str], key: pulumi.Output[str]
) -> "aws.sagemaker.EndpointConfigurationAsyncInferenceConfigArgs | None":
    """Where answers go for which nobody waits."""
    if not isinstance(mode, Asynchronous):
        return None
    sm = aws.sagemaker
    return sm.EndpointConfigurationAsyncInferenceConfigArgs(
        client_config=sm.EndpointConfigurationAsyncInferenceConfigClientConfigArgs(
            max_concurrent_invocations_per_instance=mode.concurrent_requests
        ),
        output_config=sm.EndpointConfigurationAsyncInferenceConfigOutputConfigArgs(
            s3_output_path=pulumi.Output.concat("s3://", bucket, f"/{ANSWERS}{model.name}"),
            s3_failure_path=pulumi.Output.concat("s3://", bucket, f"/{FAILURES}{model.name}"),
            kms_key_id=key,
        ),
    )


def metrics() -> Grant:
    """CloudWatch takes no narrower resource for metrics; the namespace narrows them."""
    condition: Mapping[str, Mapping[str, str]] = {"StringLike": {"cloudwatch:namespace": "*SageMaker*"}}
    statement = Statement(actions=("cloudwatch:PutMetricData",), resources=("*",), conditions=condition)
    return Grant(resource="metrics", access="write", statements=(statement,))


def volumes(key: pulumi.Output[str]) -> Grant:
    """Encrypt the instances' volumes. Source: CreateEndpointConfig API, `KmsKeyId`."""
    create = Statement(
        actions=("kms:CreateGrant",),
        resources=(key,),
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    use = Statement(actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"), resources=(key,))
    return Grant(resource="keys/data", access="encrypt", statements=(create, use))
