"""The front desk: what the operator sees and says."""
