"""Where jobs run. `local`: worker threads of this process. `torch_adapter` is imported only when a job runs."""
