"""The doors: who may call a route, and how often."""

from typing import Any

ROUTE = "AWS::ApiGatewayV2::Route"
STAGE = "AWS::ApiGatewayV2::Stage"


def test_every_public_route_is_throttled(everything: Any) -> None:
    """No stage lets through as much as the account has, whatever the user said."""
    settings = [
        stage["DefaultRouteSettings"] for made in everything.templates for stage in everything.of_type(made, STAGE).values()
    ]
    limits = {(one["ThrottlingRateLimit"], one["ThrottlingBurstLimit"]) for one in settings}
    assert limits == {(100, 200), (5, 10), (1, 2)}


def test_a_throttle_of_its_own_is_an_http_api_of_its_own(everything: Any) -> None:
    """The shared stage cannot name routes of stacks that come after it."""
    assert everything.of_type("guarded", "AWS::ApiGatewayV2::Api")
    assert everything.only("guarded", ROUTE)["ApiId"] == {"Ref": "HttpApi"}
    assert everything.only("iris", ROUTE)["ApiId"] == {"Ref": "HttpApiId"}
    assert "HttpApiId" not in everything.templates["guarded"]["Parameters"]


def test_routes_are_open_signed_or_for_bearers_of_a_token(everything: Any) -> None:
    """`deploy.auth` decides at the gateway, before anything of the user's runs."""
    assert everything.only("iris", ROUTE)["AuthorizationType"] == "NONE"
    assert everything.only("speech", ROUTE)["AuthorizationType"] == "AWS_IAM"
    guarded = everything.only("guarded", ROUTE)
    assert guarded["AuthorizationType"] == "JWT"
    assert guarded["AuthorizerId"] == {"Ref": "Authorizer"}
    authorizer = everything.only("guarded", "AWS::ApiGatewayV2::Authorizer")
    assert authorizer["JwtConfiguration"] == {"Audience": ["app"], "Issuer": "https://issuer.example"}
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]


def test_services_are_reached_through_the_vpc_link(everything: Any) -> None:
    """Requests go to the internal load balancer, which nothing outside the VPC reaches."""
    integration = everything.only("flowers", "AWS::ApiGatewayV2::Integration")
    assert integration["ConnectionType"] == "VPC_LINK"
    assert integration["ConnectionId"] == {"Ref": "VpcLinkId"}
    assert integration["IntegrationUri"] == {"Ref": "ListenerArn"}
    assert everything.only("shared", "AWS::ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internal"


def test_the_load_balancer_is_open_to_the_vpc_only_for_private_apis(everything: Any, synthesize: Any, api_of: Any) -> None:
    """Without an API that is called past the gateway, the VPC link is all that it hears."""

    def sources(made: Any) -> list[str]:
        group = made.of_type("shared", "AWS::EC2::SecurityGroup")["LoadBalancerGroup"]
        return [key for rule in group["SecurityGroupIngress"] for key in rule if key in ("CidrIp", "SourceSecurityGroupId")]

    assert sources(everything) == ["SourceSecurityGroupId", "CidrIp"]
    assert sources(synthesize(api_of("flowers", "fargate"))) == ["SourceSecurityGroupId"]
