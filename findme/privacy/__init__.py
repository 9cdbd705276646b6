"""Proof of deletion: erasure receipts, the journal that outlives a restore, the audit log.

The deletions themselves stand with the rows they delete.
"""
