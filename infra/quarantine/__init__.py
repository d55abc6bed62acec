"""What lies in the quarantine, and bringing back what can be used after all."""
