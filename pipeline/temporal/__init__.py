"""What frames have to do with each other: shots, flow, trajectories, consistency."""
