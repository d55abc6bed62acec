"""One thread for numpy's matrix products: whoever judges texts by the learned model calls this at its start."""

from threadpoolctl import threadpool_limits


def use_one_thread() -> None:
    """Keep this process's matrix products to one thread from now on.

    With several, they are added up in another order, and the same text is said to be a little different on a machine with
    other cores. Texts are judged beside each other as it is; BLAS's own threads would only wait busily.
    """
    threadpool_limits(1, user_api="blas")
