from bench.commands.label_rules import label_rules
from bench.data.labels import LabelRule
from bench.schema.protocol import load_protocol


def test_the_methods_of_a_protocol_say_which_numbers_they_take():
    assert label_rules(load_protocol("cityscapes-paired"))[0] == LabelRule(35, False, "contrastive_feature")
    assert label_rules(load_protocol("earth-land2sat-paired"))[0].classes == 17
    assert label_rules(load_protocol("horse2zebra")) == []


def test_the_network_that_scores_has_a_rule_too():
    [rule] = label_rules(load_protocol("cityscapes"))
    assert (rule.method, rule.unlabelled) == ("drn", True)
