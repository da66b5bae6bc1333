"""The promises under faults, and proof that their tests would notice each being broken."""
