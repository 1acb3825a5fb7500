"""Prompt in, assessment out: the trained complexity classifier. numpy only, no pickle, no network."""
