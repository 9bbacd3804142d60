# SPDX-License-Identifier: Apache-2.0
"""How every stream of the suite is made."""

from dataclasses import replace
from functools import cache

from conformance.recipes import (
    alpha,
    animation,
    entropy,
    extremes,
    formats,
    invalid_animation,
    invalid_codestream,
    invalid_elements,
    invalid_entropy,
    invalid_lossless,
    invalid_substreams,
    lossless,
    pictures,
    structure,
    syntax,
)
from conformance.recipes.recipe import Recipe

_MODULES = (
    pictures,
    structure,
    syntax,
    formats,
    entropy,
    lossless,
    alpha,
    animation,
    extremes,
    invalid_codestream,
    invalid_elements,
    invalid_entropy,
    invalid_lossless,
    invalid_animation,
    invalid_substreams,
)


@cache
def all_recipes() -> dict[str, Recipe]:
    """Return the recipes by case id, in the order of the suite.

    Raises
    ------
    ValueError
        Two recipes have the same id.
    """
    recipes = [
        replace(recipe, module=module.__name__) for module in _MODULES for recipe in module.RECIPES
    ]
    found = {recipe.id: recipe for recipe in recipes}
    if len(found) != len(recipes):
        message = "two recipes have the same case id"
        raise ValueError(message)
    return found
