"""PhotoWCT: photorealistic style transfer in closed form (Li, Liu, Li, Yang, Kautz 2018).

WCT whose decoders unpool to where each maximum was (section 3.1), so that structure survives; then
a smoothing of what is left uneven (section 3.2: ``matting.smoothed``), or a guided filter in its
place.
"""

from __future__ import annotations

from .wct import WCT


class PhotoWCT(WCT):
    """``WCT`` from relu4_1 to relu1_1, on autoencoders that unpool (figure 2)."""
