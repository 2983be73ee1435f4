"""The CDK app: reads `cxpack.out/manifest.json`, writes one CloudFormation stack per API."""
