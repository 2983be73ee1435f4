"""What moto's CloudFormation lacks for our templates; importing this module teaches it to the servers of this process.

moto skips resource types without a model, and a `Ref` to one is then empty, where AWS gives an id. For each of them
a placeholder is registered that does what CloudFormation needs of any resource: it has an id and attributes, it can be
updated and deleted, and its properties can be looked at afterwards.
"""

from typing import Any, ClassVar

from moto.awslambda.models import LambdaVersion, lambda_backends
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack
from moto.core.common_models import CloudFormationModel
from moto.ec2.models.route_tables import RouteTable
from moto.moto_api._internal import mock_random
from moto.sagemaker.models import FakeEndpoint, Model
from moto.ssm.models import Parameter, ssm_backends

WITHOUT_MODEL = (
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::ApiGatewayV2::VpcLink",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentConfig",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::ECS::CapacityProvider",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::Lambda::Url",
    "AWS::S3::BucketPolicy",
)


class Placeholder:
    """A resource of which only CloudFormation knows; `standing` holds those that were created and not deleted."""

    kind: ClassVar[str]
    standing: ClassVar[dict[str, dict[str, Any]]]

    def __init__(self, identifier: str, properties: dict[str, Any]) -> None:
        self.physical_resource_id = identifier
        self.properties = properties

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""  # of its name property: it has none

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.kind

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def get_cfn_attribute(self, attribute: str) -> str:
        return f"{self.physical_resource_id}-{attribute}"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> "Placeholder":
        identifier = f"{cls.kind.rpartition('::')[2].lower()}-{mock_random.get_random_hex(8)}"
        cls.standing[identifier] = cloudformation_json["Properties"]
        return cls(identifier, cloudformation_json["Properties"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        cls.standing[original_resource.physical_resource_id] = cloudformation_json["Properties"]
        original_resource.properties = cloudformation_json["Properties"]
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        del cls.standing[resource_name]

    def is_created(self) -> bool:
        return True


class Alias(CloudFormationModel):
    """An alias of moto's own Lambda, which its templates cannot make: permissions name it by its ARN."""

    def __init__(self, arn: str) -> None:
        self.physical_resource_id = arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::Alias"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> "Alias":
        properties = cloudformation_json["Properties"]
        alias = lambda_backends[account_id][region_name].create_alias(
            name=properties["Name"],
            function_name=properties["FunctionName"],
            function_version=properties["FunctionVersion"],
            description="",
            routing_config=None,
        )
        return cls(alias.arn)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        properties = cloudformation_json["Properties"]
        lambda_backends[account_id][region_name].update_alias(
            name=properties["Name"],
            function_name=properties["FunctionName"],
            function_version=properties["FunctionVersion"],
            description=None,
            routing_config=None,
        )
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        """Gone with its function, which owns it."""

    def is_created(self) -> bool:
        return True


def make_placeholders() -> dict[str, type[Placeholder]]:
    """A class for each type: moto reads the models from the direct subclasses, and the service from the module's name."""
    known = {model.cloudformation_type() for model in CloudFormationModel.__subclasses__()}
    made = {}
    for kind in WITHOUT_MODEL:
        if kind not in known:
            _, service, resource = kind.split("::")
            members = {"kind": kind, "standing": {}, "__module__": f"moto.{service.lower()}.models"}
            made[kind] = type(resource, (Placeholder, CloudFormationModel), members)
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()
    return made


def complete_models() -> None:
    """What moto does elsewhere, but not for templates: endpoints' names, versions' attribute, the deletion of route tables.

    And what CloudFormation does that moto leaves out: an update that changes nothing is refused, a parameter that is
    updated keeps its history. A changed SageMaker model keeps its name here, where CloudFormation makes another and then
    changes what names it, which moto does not.
    """
    FakeEndpoint.cloudformation_name_type = staticmethod(lambda: "EndpointName")

    def change(original_resource: Model, new_resource_name: str, cloudformation_json: Any, *_: Any, **__: Any) -> Model:
        original_resource.primary_container = cloudformation_json["Properties"]["PrimaryContainer"]
        return original_resource

    Model.update_from_cloudformation_json = staticmethod(change)
    LambdaVersion.get_cfn_attribute = lambda self, attribute: {"Version": str(self.version)}[attribute]

    def publish(resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any) -> LambdaVersion:
        name = cloudformation_json["Properties"]["FunctionName"]
        published = lambda_backends[account_id][region_name].publish_version(name)
        version = LambdaVersion({"Version": published.version})
        version.physical_resource_id = published.function_arn
        return version

    LambdaVersion.create_from_cloudformation_json = staticmethod(publish)

    def delete(table: RouteTable, account: str, region: str) -> None:
        table._associations.clear()
        table.ec2_backend.delete_route_table(table.id)

    RouteTable.delete = delete
    update = Stack.update

    def update_if_changed(stack: Stack, template: str, *arguments: Any, **options: Any) -> None:
        if template == stack.template:
            raise ValidationError(message="No updates are to be performed.")
        update(stack, template, *arguments, **options)

    Stack.update = update_if_changed

    def put(original_resource: Any, cloudformation_json: Any, account_id: str, region_name: str, **_: Any) -> Any:
        value = cloudformation_json["Properties"]["Value"]
        return ssm_backends[account_id][region_name].put_parameter(
            original_resource.name,
            "",
            value,
            "String",
            "",
            "",
            overwrite=True,
            tags=[],
            data_type="text",
            tier=None,
            policies=None,
        )

    Parameter.update_from_cloudformation_json = staticmethod(put)


complete_models()
PLACEHOLDERS = make_placeholders()
"""Made once and kept: a class knows its subclasses only as long as someone else does."""
