"""What HTCondor's file transfer moves through the submit host of a workflow."""
