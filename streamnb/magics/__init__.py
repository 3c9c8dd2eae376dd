"""The %ksql and %%ksql magics."""
