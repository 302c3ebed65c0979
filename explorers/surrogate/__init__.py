"""Models of evaluators, learned from what they returned: for explorers that ask the evaluator seldom."""
