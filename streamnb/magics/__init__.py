"""The %ksql and %%ksql magics."""

from streamnb.magics.ksql import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
