"""What is written for HTCondor: submit descriptions, DAGMan configuration, category policy. Knows no DAG."""
