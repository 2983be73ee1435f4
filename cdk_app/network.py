"""Where ECS services live: a VPC with public subnets, an internal load balancer, a VPC link to it, a cluster.

Public subnets with public addresses and closed security groups need no NAT gateway, which would cost more when idle than
many an API; models come through the S3 gateway endpoint, which is free.
"""

import json
from collections.abc import Sequence

from aws_cdk import Fn, Stack, Tags
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb

from cdk_app.accepted import accept
from cdk_app.facts import Fact, tell
from cdk_app.project import Project
from cdk_app.pseudo import Aws
from cdk_app.settings import ImportedVpc
from runtime_handler.contract import IDLE_S

CIDR = "10.0.0.0/16"


def add_network(stack: Stack, project: Project) -> None:
    """Everything that is shared by the ECS services, told to their stacks."""
    vpc = project.settings.vpc or add_vpc(stack, project)
    link_group = add_security_group(stack, "VpcLinkGroup", vpc.id, f"VPC link of {project.name}", [])
    balancer_group = add_security_group(
        stack,
        "LoadBalancerGroup",
        vpc.id,
        f"Load balancer of {project.name}",
        [
            ec2.CfnSecurityGroup.IngressProperty(ip_protocol="tcp", from_port=80, to_port=80, description="HTTP API", **source)
            for source in (
                {"source_security_group_id": link_group.attr_group_id},
                # An API with `api_gateway: none` is called from inside the VPC.
                *([{"cidr_ip": vpc.cidr}] if project.has_private_services else []),
            )
        ],
    )
    balancer, listener = add_load_balancer(stack, vpc, balancer_group)
    link = gateway.CfnVpcLink(
        stack, "VpcLink", name=project.name, subnet_ids=list(vpc.subnets), security_group_ids=[link_group.attr_group_id]
    )
    cluster = project.settings.cluster or add_cluster(stack).ref
    tell(stack, project, Fact.VpcId, vpc.id)
    tell(stack, project, Fact.SubnetIds, Fn.join(",", list(vpc.subnets)))
    tell(stack, project, Fact.VpcLinkId, link.ref)
    tell(stack, project, Fact.ListenerArn, listener.ref)
    tell(stack, project, Fact.BalancerName, balancer.attr_dns_name)
    tell(stack, project, Fact.BalancerGroupId, balancer_group.attr_group_id)
    tell(stack, project, Fact.ClusterName, cluster)


def add_vpc(stack: Stack, project: Project) -> ImportedVpc:
    """Two public subnets in two zones, and the way out to the internet and to S3."""
    vpc = ec2.CfnVPC(stack, "Vpc", cidr_block=CIDR, enable_dns_hostnames=True, enable_dns_support=True)
    Tags.of(vpc).add("Name", project.name)
    accept(vpc, "AwsSolutions-VPC7", "Flow logs are priced by volume; the HTTP API's access log says who called what")
    gate = ec2.CfnInternetGateway(stack, "InternetGateway")
    attachment = ec2.CfnVPCGatewayAttachment(stack, "InternetGatewayAttachment", vpc_id=vpc.ref, internet_gateway_id=gate.ref)
    routes = ec2.CfnRouteTable(stack, "RouteTable", vpc_id=vpc.ref)
    ec2.CfnRoute(
        stack, "InternetRoute", route_table_id=routes.ref, destination_cidr_block="0.0.0.0/0", gateway_id=gate.ref
    ).add_resource_dependency(attachment)
    zones = project.settings.zones or (Fn.select(0, Fn.get_azs()), Fn.select(1, Fn.get_azs()))
    subnets = []
    for index, zone in enumerate(zones, start=1):
        subnet = ec2.CfnSubnet(
            stack,
            f"Subnet{index}",
            vpc_id=vpc.ref,
            availability_zone=zone,
            cidr_block=f"10.0.{16 * (index - 1)}.0/20",
            map_public_ip_on_launch=True,
        )
        accept(subnet, "AwsSolutions-VPC3", "Public on purpose: no NAT gateway; the security groups let nothing in")
        Tags.of(subnet).add("Name", f"{project.name}-{index}")
        ec2.CfnSubnetRouteTableAssociation(stack, f"Subnet{index}Routes", subnet_id=subnet.ref, route_table_id=routes.ref)
        subnets.append(subnet.ref)
    ec2.CfnVPCEndpoint(
        stack,
        "S3Endpoint",
        vpc_id=vpc.ref,
        service_name=f"com.amazonaws.{Aws.REGION}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[routes.ref],
    )
    return ImportedVpc(id=vpc.ref, cidr=CIDR, subnets=tuple(subnets), public=True)


def add_load_balancer(stack: Stack, vpc: ImportedVpc, group: ec2.CfnSecurityGroup) -> tuple[elb.CfnLoadBalancer, elb.CfnListener]:
    """Internal, with one listener whose rules the API stacks bring; anything else is answered 404.

    An idle timeout ends requests that take long, too, for nothing is sent meanwhile ("Connection idle timeout" in Elastic Load
    Balancing's page on attributes; 60 s unless said otherwise). The HTTP API waits less; callers inside the network do not.
    """
    balancer = elb.CfnLoadBalancer(
        stack,
        "LoadBalancer",
        type="application",
        scheme="internal",
        subnets=list(vpc.subnets),
        security_groups=[group.attr_group_id],
        load_balancer_attributes=[
            elb.CfnLoadBalancer.LoadBalancerAttributeProperty(key=key, value=value)
            for key, value in (
                ("idle_timeout.timeout_seconds", str(IDLE_S)),
                ("routing.http.drop_invalid_header_fields.enabled", "true"),
            )
        ],
    )
    accept(balancer, "AwsSolutions-ELB2", "The HTTP API's access log has every public request; this one would need a bucket")
    listener = elb.CfnListener(
        stack,
        "Listener",
        load_balancer_arn=balancer.ref,
        port=80,
        protocol="HTTP",
        default_actions=[
            elb.CfnListener.ActionProperty(
                type="fixed-response",
                fixed_response_config=elb.CfnListener.FixedResponseConfigProperty(
                    status_code="404",
                    content_type="application/json",
                    message_body=json.dumps({"error": "no API has this endpoint", "kind": "not_found"}),
                ),
            )
        ],
    )
    return balancer, listener


def add_cluster(stack: Stack) -> ecs.CfnCluster:
    """For the services on Fargate; services on instances have clusters of their own."""
    cluster = ecs.CfnCluster(stack, "Cluster", capacity_providers=["FARGATE"])
    accept(cluster, "AwsSolutions-ECS4", "Container Insights is priced by metric; the runtime reports its own")
    return cluster


def add_security_group(
    stack: Stack, name: str, vpc_id: str, description: str, ingress: Sequence[ec2.CfnSecurityGroup.IngressProperty]
) -> ec2.CfnSecurityGroup:
    """Lets in what it is told to; out to anywhere, for models, images and what predictors call.

    EC2 refuses names that begin with sg- (CreateSecurityGroup), as CloudFormation's would where the stack's does. One of ours
    then stands in its place, which is no hindrance to a replacement: only another VPC asks for one.
    """
    return ec2.CfnSecurityGroup(
        stack,
        name,
        vpc_id=vpc_id,
        group_name=f"cxpack-{stack.stack_name}-{name}" if stack.stack_name.lower().startswith("sg-") else None,
        group_description=description,
        security_group_ingress=list(ingress) or None,
        security_group_egress=[
            ec2.CfnSecurityGroup.EgressProperty(ip_protocol="-1", cidr_ip="0.0.0.0/0", description="Anywhere")
        ],
    )
