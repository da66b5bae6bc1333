"""The rules that AWS states in prose alone, as a table: what each says, where, and how a template breaks it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from tests.template import account_rules, policy_rules
from tests.template.document import Template

CLOUDFORMATION = "https://docs.aws.amazon.com/AWSCloudFormation/latest"
CLOUDFORMATION_QUOTAS = f"{CLOUDFORMATION}/UserGuide/cloudformation-limits.html"
IAM = "https://docs.aws.amazon.com/IAM/latest"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest"
ALARM = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"


class Rule(NamedTuple):
    """What AWS says, and where; what of a template breaks it; and how a template is broken so, to see it found."""

    says: str
    source: str
    find: Callable[[Template], Iterator[str]]
    spoil: Callable[[Any], object]
    """Breaks the rule in the resources of the template with everything on."""


def add(resources: Any, kind: str, properties: Any) -> None:  # noqa: ANN401 -- parts of a template
    """One more resource of a type."""
    resources["Another"] = {"Type": kind, "Properties": properties}


def policy(size: int) -> dict[str, Any]:
    """A policy's document of at least this size."""
    statement = {"Sid": "Large", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "x" * size}
    return {"Version": "2012-10-17", "Statement": [statement]}


def properties(resources: Any, name: str) -> Any:  # noqa: ANN401
    """The properties of a resource."""
    return resources[name]["Properties"]


def inline(resources: Any) -> Any:  # noqa: ANN401
    """The inline policy of the function's role."""
    return properties(resources, "FunctionRole")["Policies"][0]


def statement(resources: Any) -> Any:  # noqa: ANN401
    """Its first statement."""
    return inline(resources)["PolicyDocument"]["Statement"][0]


def lifecycle(resources: Any, number: int) -> Any:  # noqa: ANN401
    """A lifecycle rule of the failure bucket."""
    return properties(resources, "FailureBucket")["LifecycleConfiguration"]["Rules"][number]


def first(resources: Any, kind: str) -> Any:  # noqa: ANN401
    """The properties of the first resource of a type."""
    return next(each["Properties"] for each in resources.values() if each["Type"] == kind)


ALARM_KIND, MAPPING_KIND = "AWS::CloudWatch::Alarm", "AWS::Lambda::EventSourceMapping"
MATH = {
    "AlarmName": "math",
    "EvaluationPeriods": 1,
    "Metrics": [
        {"Id": f"m{number}", "ReturnData": number == 0, "MetricStat": {"Period": 60, "Stat": "Sum", "Metric": {}}}
        for number in range(10)
    ],
}
"""An alarm on metric math that CloudWatch takes."""


def math(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The same with one of its queries changed."""
    alarm = deepcopy(MATH)
    alarm["Metrics"][1] |= changes  # type: ignore[index]
    return alarm


RULES = [
    Rule(
        "A lifecycle rule needs an action other than the removal of markers",
        "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1124",
        account_rules.find_idle_lifecycle_rules,
        lambda resources: lifecycle(resources, 1).pop("AbortIncompleteMultipartUpload"),
    ),
    Rule(
        "A lifecycle rule that removes markers has no days",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html",
        account_rules.find_contradicting_lifecycle_rules,
        lambda resources: lifecycle(resources, 0).update(ExpiredObjectDeleteMarker=True),
    ),
    Rule(
        "The inline policies of a role have at most 10,240 characters together",
        f"{IAM}/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length",
        policy_rules.find_large_inline_policies,
        lambda resources: statement(resources).update(Resource="x" * 10_000),
    ),
    Rule(
        "A managed policy has at most 6,144 characters",
        f"{IAM}/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length",
        policy_rules.find_large_managed_policies,
        lambda resources: add(resources, "AWS::IAM::ManagedPolicy", {"PolicyDocument": policy(6_144)}),
    ),
    Rule(
        "A role has at most 10 managed policies",
        f"{IAM}/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entities",
        policy_rules.find_crowded_roles,
        lambda resources: properties(resources, "RedriveRole").update(ManagedPolicyArns=["policy"] * 11),
    ),
    Rule(
        "A policy has at least one statement",
        f"{IAM}/UserGuide/reference_policies_grammar.html",
        policy_rules.find_empty_policies,
        lambda resources: first(resources, "AWS::IAM::ManagedPolicy")["PolicyDocument"].update(Statement=[]),
    ),
    Rule(
        "An inline policy's name has 1 to 128 letters, digits and +=,.@-_",
        f"{IAM}/APIReference/API_PutRolePolicy.html",
        policy_rules.find_odd_policy_names,
        lambda resources: inline(resources).update(PolicyName="one/stream"),
    ),
    Rule(
        "A role's inline policies have names of their own",
        f"{IAM}/APIReference/API_PutRolePolicy.html",
        policy_rules.find_same_policy_names,
        lambda resources: properties(resources, "FunctionRole")["Policies"].append(inline(resources)),
    ),
    Rule(
        "A statement's name has letters and digits, and is the only one of its policy",
        f"{IAM}/UserGuide/reference_policies_elements_sid.html",
        policy_rules.find_odd_statement_names,
        lambda resources: statement(resources).update(Sid="Read streams"),
    ),
    Rule(
        "A statement names at least one action and one resource",
        f"{IAM}/UserGuide/reference_policies_grammar.html",
        policy_rules.find_empty_statements,
        lambda resources: statement(resources).update(Resource=[]),
    ),
    Rule(
        "A resource's name and description keep to its service's form",
        f"{LAMBDA}/api/API_CreateFunction.html, {ALARM}, {IAM}/APIReference/API_CreateRole.html",
        account_rules.find_odd_names,
        lambda resources: properties(resources, "RegistrationFunction").update(FunctionName="s" * 65),
    ),
    Rule(
        "Two resources of a type have different names",
        f"{CLOUDFORMATION}/TemplateReference/aws-properties-name.html",
        account_rules.find_same_names,
        lambda resources: add(resources, ALARM_KIND, {"AlarmName": first(resources, ALARM_KIND)["AlarmName"]}),
    ),
    Rule(
        "A tag's key and value have their length and letters",
        "https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html",
        account_rules.find_odd_tags,
        lambda resources: first(resources, "AWS::SNS::Topic").update(Tags=[{"Key": "for", "Value": "a, b"}]),
    ),
    Rule(
        "A function's variables have at most 4 KB together",
        f"{LAMBDA}/dg/gettingstarted-limits.html",
        account_rules.find_large_environments,
        lambda resources: properties(resources, "RedriveFunction")["Environment"]["Variables"].update(MORE="x" * 4096),
    ),
    Rule(
        "A function has at most 5 layers",
        f"{LAMBDA}/dg/gettingstarted-limits.html",
        account_rules.find_many_layers,
        lambda resources: properties(resources, "RedriveFunction").update(Layers=["layer"] * 6),
    ),
    Rule(
        "A function has one mapping of a stream",
        "https://github.com/localstack/localstack: test_duplicate_event_source_mappings, recorded on AWS",
        account_rules.find_same_mappings,
        lambda resources: add(resources, MAPPING_KIND, first(resources, MAPPING_KIND)),
    ),
    Rule(
        "A record's age is -1 or from 60 seconds on; a DynamoDB stream keeps it for a day",
        f"{LAMBDA}/api/API_CreateEventSourceMapping.html",
        account_rules.find_odd_ages,
        lambda resources: first(resources, MAPPING_KIND).update(MaximumRecordAgeInSeconds=30),
    ),
    Rule(
        "An alarm on metric math has at most ten metrics",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html",
        account_rules.find_crowded_alarms,
        lambda resources: add(
            resources, ALARM_KIND, {**math(), "Metrics": [*math()["Metrics"], {**math()["Metrics"][1], "Id": "more"}]}
        ),
    ),
    Rule(
        "An alarm on metric math looks at one of its queries",
        ALARM,
        account_rules.find_undecided_alarms,
        lambda resources: add(resources, ALARM_KIND, math(ReturnData=True)),
    ),
    Rule(
        "A query's id begins with a small letter and is its own",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html",
        account_rules.find_odd_query_ids,
        lambda resources: add(resources, ALARM_KIND, math(Id="Polled")),
    ),
    Rule(
        "An alarm does not search for metrics",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-search-expressions.html",
        account_rules.find_searching_alarms,
        lambda resources: add(resources, ALARM_KIND, math(Expression="SUM(SEARCH('{FeatureEvents}', 'Sum'))")),
    ),
    Rule(
        "A period is 10, 20, 30 or a multiple of 60 seconds",
        ALARM,
        account_rules.find_odd_periods,
        lambda resources: first(resources, ALARM_KIND).update(Period=90),
    ),
    Rule(
        "An alarm looks back a day at most, with periods of an hour a week",
        ALARM,
        account_rules.find_long_evaluations,
        lambda resources: first(resources, ALARM_KIND).update(Period=300, EvaluationPeriods=289),
    ),
    Rule(
        "An alarm rings after at most as many points as it looks at",
        ALARM,
        account_rules.find_impossible_alarms,
        lambda resources: first(resources, ALARM_KIND).update(EvaluationPeriods=2, DatapointsToAlarm=3),
    ),
    Rule(
        "RetainExceptOnCreate is a DeletionPolicy and no UpdateReplacePolicy",
        f"{CLOUDFORMATION}/TemplateReference/aws-attribute-updatereplacepolicy.html",
        account_rules.find_odd_policies,
        lambda resources: resources["FailureBucket"].update(UpdateReplacePolicy="RetainExceptOnCreate"),
    ),
    Rule(
        "DependsOn names resources that are made",
        "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1015",
        account_rules.find_odd_dependencies,
        lambda resources: resources["FailureBucket"].update(DependsOn="Elsewhere"),
    ),
    Rule(
        "A template has at most 500 resources",
        CLOUDFORMATION_QUOTAS,
        account_rules.find_excess,
        lambda resources: resources.update({f"Topic{each}": {"Type": "AWS::SNS::Topic"} for each in range(500)}),
    ),
    Rule(
        "A template has at most 1 MB",
        CLOUDFORMATION_QUOTAS,
        account_rules.find_size,
        lambda resources: first(resources, "AWS::CloudWatch::Dashboard").update(DashboardBody="x" * 1_000_000),
    ),
    Rule(
        "A logical id has at most 255 letters and digits",
        f"{CLOUDFORMATION}/UserGuide/resources-section-structure.html",
        account_rules.find_odd_ids,
        lambda resources: resources.update({"Mapping" + "x" * 249: {"Type": "AWS::SNS::Topic"}}),
    ),
    Rule(
        "CloudFormation waits for a custom resource at most an hour, and longer than its function may take",
        f"{CLOUDFORMATION}/TemplateReference/aws-resource-cloudformation-customresource.html",
        account_rules.find_impatient_custom_resources,
        lambda resources: properties(resources, "SchemaRegistration").update(ServiceTimeout=30),
    ),
    Rule(
        "A table declares the attributes of its keys, and no other",
        "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html",
        account_rules.find_stray_keys,
        lambda resources: add(
            resources,
            "AWS::DynamoDB::Table",
            {
                "AttributeDefinitions": [{"AttributeName": "x"}, {"AttributeName": "y"}],
                "KeySchema": [{"AttributeName": "x"}],
            },
        ),
    ),
]
