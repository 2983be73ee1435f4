"""CloudFormation's pseudo parameters, asked of the CDK once: every reading there is a message to Node and back."""

import aws_cdk


class Aws:
    """Those of `aws_cdk.Aws` that the stacks use, as the tokens that CloudFormation replaces."""

    ACCOUNT_ID = aws_cdk.Aws.ACCOUNT_ID
    PARTITION = aws_cdk.Aws.PARTITION
    REGION = aws_cdk.Aws.REGION
    URL_SUFFIX = aws_cdk.Aws.URL_SUFFIX
