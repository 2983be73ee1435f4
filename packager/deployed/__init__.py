"""What stands in AWS: thin clients of CloudFormation, CloudWatch Logs and S3 for the commands that speak of deployed APIs."""
