"""Methods that take any style picture: WCT, PhotoWCT, WCT², Style-Swap."""
