"""Chaos Toolkit with evidence: a control that records around any experiment, and probes that ask the recording.

    pip install zdtrace[chaostoolkit]

docs/guide/chaos-toolkit.md has an experiment that uses both.
"""
