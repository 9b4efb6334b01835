"""Lowering: expressions to kernel IR, a program of fused loops and matrix routines."""

from symgrad.lowering.cost import Cost, operation_count, program_cost
from symgrad.lowering.kernel_ir import Program
from symgrad.lowering.lower import lower
from symgrad.lowering.validation import IllegalProgram, check

__all__ = ["Cost", "IllegalProgram", "Program", "check", "lower", "operation_count", "program_cost"]
