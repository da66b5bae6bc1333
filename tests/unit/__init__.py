"""Tests of single modules, in the packages of the modules that they test."""
