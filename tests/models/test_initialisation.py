import torch

from rookery.models.initialisation import one_thread, orthogonal_linear


def test_columns_are_orthogonal_and_as_long_as_the_gain():
    layer = orthogonal_linear(5, 9, gain=2.0, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer.weight.t() @ layer.weight, 4.0 * torch.eye(5), atol=1e-5, rtol=0)
    assert not layer.bias.any()


def test_nothing_is_drawn_from_the_process_wide_generator():
    before = torch.random.get_rng_state()
    orthogonal_linear(5, 9, gain=2.0, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
