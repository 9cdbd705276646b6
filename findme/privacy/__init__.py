"""Proof of deletion: erasure receipts, the deletion journal, the audit log.

The deletions themselves are in the modules of the deleted rows.
"""
