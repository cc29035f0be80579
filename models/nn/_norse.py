"""The names that axonc takes from norse, imported in one place.

norse 1.1 compiles a few unrelated functions with `torch.jit.script` while it is imported, which
newer torch versions report as deprecated: nothing a user of axonc could act upon.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    from norse.torch.functional.iaf import IAFFeedForwardState as IAFFeedForwardState
    from norse.torch.functional.iaf import IAFParameters as IAFParameters
    from norse.torch.functional.lif import LIFParameters as LIFParameters
    from norse.torch.functional.lif_box import LIFBoxFeedForwardState as LIFBoxFeedForwardState
    from norse.torch.functional.lif_box import LIFBoxParameters as LIFBoxParameters
    from norse.torch.functional.reset import reset_subtract as reset_subtract
    from norse.torch.functional.reset import reset_value as reset_value
    from norse.torch.module.iaf import IAFCell as IAFCell
    from norse.torch.module.leaky_integrator import LICell as LICell
    from norse.torch.module.leaky_integrator_box import LIBoxCell as LIBoxCell
    from norse.torch.module.lif import LIFCell as LIFCell
    from norse.torch.module.lif import LIFRecurrentCell as LIFRecurrentCell
    from norse.torch.module.lif_box import LIFBoxCell as LIFBoxCell
    from norse.torch.module.sequential import SequentialState as SequentialState
    from norse.torch.module.snn import SNNCell as SNNCell
    from norse.torch.module.snn import SNNRecurrentCell as SNNRecurrentCell
