"""The ablation study of fusions: eight small models trained alike, and judged on faces with paired tests."""
