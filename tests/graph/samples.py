"""
A small real-looking file in each language, with what the parser must find in it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """
    One source file and what is expected of it.

    Attributes:
        symbols: (kind, qualified name, first words of the documentation) in the order of the file.
    """

    path: str
    source: str
    symbols: tuple[tuple[str, str, str], ...]
    imports: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    bases: tuple[tuple[str, str], ...] = ()
    doc: str = ""
    package: str = ""


PYTHON = Sample(
    path="shop/tax.py",
    source='''#!/usr/bin/env python
# Copyright 2020 Somebody, licensed under something
"""Value added tax.

For carts.
"""
import decimal as d
from ..money import (
    Amount, rounding as r)
from . import rates

DEFAULT_RATE = 19

class VatRule(rates.Rule):
    """Applies the :class:`Rate` of a country.

    Parameters
    ----------
    country : str
    """

    @property
    def rate(self):
        # The rate in percent.
        return rates.lookup(self.country)

@cached(maxsize=3)
async def vat_of(cart, *, rule=None):
    """Computes the *tax* of a cart."""
    def inner():
        pass
    return Amount(cart.total())
''',
    symbols=(
        ("constant", "DEFAULT_RATE", ""),
        ("class", "VatRule", "Applies the Rate of a country."),
        ("method", "VatRule.rate", ""),
        ("function", "vat_of", "Computes the tax of a cart."),
    ),
    imports=("..money.Amount", "..money.rounding", ".rates", "decimal"),
    calls=("Amount", "cached", "lookup", "total"),
    bases=(("VatRule", "Rule"),),
    doc="Value added tax.\n\nFor carts.",
)

JAVA = Sample(
    path="src/main/java/com/shop/Tax.java",
    source="""/*
 * Licensed under the Apache License.
 */
package com.shop;

import com.shop.money.Amount;
import static com.shop.rates.Rates.*;

/**
 * Computes <b>value added tax</b>, see {@link Amount}.
 *
 * @author someone
 */
@Service("tax")
public class Tax extends Base<Amount> implements Rule, Closeable {
    public static final int DEFAULT_RATE = 19;

    public Tax(int rate) { this.rate = rate; }

    /** The tax of a cart. */
    @Override
    public Amount of(Cart cart) {
        return new Amount(cart.total());
    }

    // Kinds of rates.
    enum Kind { FULL, REDUCED }
}

interface Rule {
    boolean applies(Cart cart);
}
""",
    symbols=(
        ("class", "Tax", "Computes value added tax, see Amount."),
        ("constant", "Tax.DEFAULT_RATE", ""),
        ("constructor", "Tax.Tax", ""),
        ("method", "Tax.of", "The tax of a cart."),
        ("enum", "Tax.Kind", "Kinds of rates."),
        ("interface", "Rule", ""),
        ("method", "Rule.applies", ""),
    ),
    imports=("com.shop.money.Amount", "com.shop.rates.Rates.*"),
    calls=("Amount", "total"),
    bases=(("Tax", "Base"), ("Tax", "Rule"), ("Tax", "Closeable")),
    package="com.shop",
)

KOTLIN = Sample(
    path="app/src/main/java/com/shop/Tax.kt",
    source="""package com.shop

import com.shop.money.Amount
import com.shop.rates.*

/**
 * Computes value added tax.
 */
class Tax(private val rate: Int) : Base(rate), Rule {
    companion object {
        const val DEFAULT_RATE = 19
    }

    /** The tax of a cart. */
    override fun of(cart: Cart): Amount {
        return Amount(cart.total())
    }
}

interface Rule

enum class Kind { FULL, REDUCED }

object Rates {
    fun lookup(country: String): Int = 19
}

// Adds tax to an amount.
fun Amount.withTax(): Amount = this
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("constant", "Tax.DEFAULT_RATE", ""),
        ("method", "Tax.of", "The tax of a cart."),
        ("interface", "Rule", ""),
        ("enum", "Kind", ""),
        ("class", "Rates", ""),
        ("method", "Rates.lookup", ""),
        ("function", "withTax", "Adds tax to an amount."),
    ),
    imports=("com.shop.money.Amount", "com.shop.rates.*"),
    calls=("Amount", "total"),
    bases=(("Tax", "Base"), ("Tax", "Rule")),
    package="com.shop",
)

JAVASCRIPT = Sample(
    path="src/tax.js",
    source="""/** Tax for carts, in the browser. */

import { Amount } from './money';
const rates = require('./rates');
export * from './rules.js';

/**
 * Computes value added tax.
 * @param {number} rate
 */
export class Tax extends Rule {
  /** The tax of a cart. */
  of(cart) {
    return new Amount(cart.total());
  }
  close = () => {};
}

// Finds a rate.
export const lookup = async (country) => rates.find(country);

export const DEFAULTS = { rate: 19 };

function round(value) {
  return value;
}
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("method", "Tax.of", "The tax of a cart."),
        ("method", "Tax.close", ""),
        ("function", "lookup", "Finds a rate."),
        ("constant", "DEFAULTS", ""),
        ("function", "round", ""),
    ),
    imports=("./money", "./rates", "./rules.js"),
    calls=("Amount", "find", "require", "total"),
    bases=(("Tax", "Rule"),),
    doc="Tax for carts, in the browser.",
)

TYPESCRIPT = Sample(
    path="src/tax.ts",
    source="""import type { Amount } from './money';
import rates = require('./rates');

/** What a rule can do. */
export interface Rule extends Named<string> {
  applies(cart: Cart): boolean;
}

/** Computes value added tax. */
@Injectable()
export abstract class Tax extends Base implements Rule {
  private rate: number = 19;
  /** The tax of a cart. */
  of(cart: Cart): Amount {
    return cart.total();
  }
  abstract applies(cart: Cart): boolean;
}

export type Rate = number;
export enum Kind { Full, Reduced }

// Finds a rate.
export const lookup = (country: string): Rate => rates.find(country);

namespace inner {
  export function round(value: number): number { return value; }
}
""",
    symbols=(
        ("interface", "Rule", "What a rule can do."),
        ("class", "Tax", "Computes value added tax."),
        ("method", "Tax.of", "The tax of a cart."),
        ("method", "Tax.applies", ""),
        ("type", "Rate", ""),
        ("enum", "Kind", ""),
        ("function", "lookup", "Finds a rate."),
        ("method", "inner.round", ""),
    ),
    imports=("./money", "./rates"),
    calls=("Injectable", "find", "total"),
    bases=(("Rule", "Named"), ("Tax", "Base"), ("Tax", "Rule")),
)

TSX = Sample(
    path="src/Cart.tsx",
    source="""import React from 'react';
import { Tax } from '../tax';

/** Shows a cart with its tax. */
export const CartView: React.FunctionComponent<Props> = ({ cart }) => {
  const tax = useTax(cart);
  return <Tax value={tax} />;
};

export default function Empty() {
  return <p>Nothing here</p>;
}
""",
    symbols=(("function", "CartView", "Shows a cart with its tax."), ("function", "Empty", "")),
    imports=("../tax", "react"),
    calls=("useTax",),
)

GO = Sample(
    path="tax/tax.go",
    source="""// Copyright 2020 Somebody.

// Package tax computes value added tax.
package tax

import (
	"fmt"
	m "github.com/shop/shop/money"
)

// DefaultRate is for everything.
const DefaultRate = 19

// Rule decides.
type Rule interface {
	Applies(c Cart) bool
}

// Vat is a rule for one country.
type Vat struct {
	Base
	*m.Rounding
	rate int
}

// Of computes the tax of a cart.
func (v *Vat) Of(c Cart) m.Amount {
	return m.NewAmount(c.Total())
}

func lookup(country string) int { return len(fmt.Sprint(country)) }
""",
    symbols=(
        ("constant", "DefaultRate", "DefaultRate is for everything."),
        ("interface", "Rule", "Rule decides."),
        ("class", "Vat", "Vat is a rule for one country."),
        ("method", "Vat.Of", "Of computes the tax of a cart."),
        ("function", "lookup", ""),
    ),
    imports=("fmt", "github.com/shop/shop/money"),
    calls=("NewAmount", "Sprint", "Total", "len"),
    bases=(("Vat", "Base"), ("Vat", "Rounding")),
    doc="Package tax computes value added tax.",
    package="tax",
)

C = Sample(
    path="src/tax.c",
    source="""/* Tax for carts. */

#include <stdio.h>
#include "money/amount.h"

#define ROUND(x) ((x) + 5)

/* Kinds of rates. */
enum kind { FULL, REDUCED };

typedef struct {
    int rate;
} vat_t;

struct rule { int country; };

/**
 * Computes the tax of a cart.
 *
 * @param cart what is bought
 */
static amount_t *
vat_of(const struct cart *cart)
{
    return amount_new(cart_total(cart));
}

int lookup(int country);
""",
    symbols=(
        ("macro", "ROUND", ""),
        ("enum", "kind", "Kinds of rates."),
        ("class", "vat_t", ""),
        ("class", "rule", ""),
        ("function", "vat_of", "Computes the tax of a cart."),
        ("function", "lookup", ""),
    ),
    imports=("<stdio.h>", "money/amount.h"),
    calls=("amount_new", "cart_total"),
    doc="Tax for carts.",
)

CPP = Sample(
    path="src/tax.cpp",
    source="""#include "shop/tax.hpp"
#include <vector>

namespace shop {

/// Computes value added tax.
template <typename T>
class Tax : public Base<T>, private detail::Rule {
 public:
  explicit Tax(int rate);
  /// The tax of a cart.
  virtual Amount of(const Cart& cart) const = 0;
  int rate() const { return rate_; }
 private:
  int rate_;
};

enum class Kind { kFull, kReduced };

// Rounds to cents.
Amount Rounding::round(const Amount& amount) {
  return Amount(amount.cents());
}

std::vector<int>& all_rates() { return rates::list(); }

}  // namespace shop
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("method", "Tax.Tax", ""),
        ("method", "Tax.of", "The tax of a cart."),
        ("method", "Tax.rate", ""),
        ("enum", "Kind", ""),
        ("method", "Rounding.round", "Rounds to cents."),
        ("function", "all_rates", ""),
    ),
    imports=("<vector>", "shop/tax.hpp"),
    calls=("Amount", "cents", "list"),
    bases=(("Tax", "Base"), ("Tax", "Rule")),
)

RUST = Sample(
    path="src/tax.rs",
    source="""//! Tax for carts.

use crate::money::{self, Amount};
use super::rates::*;
mod rules;

/// Computes value added tax.
///
/// # Examples
/// nothing
#[derive(Debug, Clone)]
pub struct Tax<T> {
    rate: T,
}

pub trait Rule {
    /// Whether it applies.
    fn applies(&self) -> bool;
}

impl<T> Rule for Tax<T> {
    fn applies(&self) -> bool {
        rates::lookup(self.rate) && check!(true)
    }
}

pub const DEFAULT_RATE: u32 = 19;

/// The tax of a cart.
pub fn vat_of(cart: &Cart) -> Amount {
    Amount::new(cart.total())
}
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("interface", "Rule", ""),
        ("method", "Rule.applies", "Whether it applies."),
        ("method", "Tax.applies", ""),
        ("constant", "DEFAULT_RATE", ""),
        ("function", "vat_of", "The tax of a cart."),
    ),
    imports=("crate::money", "crate::money::Amount", "mod rules", "super::rates"),
    calls=("check", "lookup", "new", "total"),
    bases=(("Tax", "Rule"),),
    doc="Tax for carts.",
)

CSHARP = Sample(
    path="Shop/Tax.cs",
    source="""using System;
using Shop.Money;

namespace Shop.Taxes
{
    /// <summary>
    /// Computes value added tax.
    /// </summary>
    [Serializable]
    public class Tax : Base<int>, IRule
    {
        public int Rate { get; set; }

        /// <summary>The tax of a cart.</summary>
        public Amount Of(Cart cart)
        {
            return new Amount(cart.Total());
        }
    }

    public interface IRule { }
}
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("property", "Tax.Rate", ""),
        ("method", "Tax.Of", "The tax of a cart."),
        ("interface", "IRule", ""),
    ),
    imports=("Shop.Money", "System"),
    calls=("Amount", "Total"),
    bases=(("Tax", "Base"), ("Tax", "IRule")),
    package="Shop.Taxes",
)

RUBY = Sample(
    path="lib/shop/tax.rb",
    source="""# frozen_string_literal: true

require "shop/money"
require_relative "rates"

module Shop
  # Computes value added tax.
  class Tax < Base
    DEFAULT_RATE = 19

    # The tax of a cart.
    def of(cart)
      Amount.new(cart.total)
    end

    def self.lookup(country)
      Rates.find(country)
    end
  end
end
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("constant", "Tax.DEFAULT_RATE", ""),
        ("method", "Tax.of", "The tax of a cart."),
        ("method", "Tax.lookup", ""),
    ),
    imports=("./rates", "shop/money"),
    calls=("find", "new", "require", "require_relative", "total"),
    bases=(("Tax", "Base"),),
    package="Shop",
)

PHP = Sample(
    path="src/Tax.php",
    source="""<?php
namespace Shop\\Taxes;

use Shop\\Money\\Amount;

/**
 * Computes value added tax.
 */
class Tax extends Base implements Rule
{
    /** The tax of a cart. */
    public function of(Cart $cart): Amount
    {
        return new Amount($cart->total());
    }
}

function lookup($country) { return strlen($country); }
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("method", "Tax.of", "The tax of a cart."),
        ("function", "lookup", ""),
    ),
    imports=("Shop.Money.Amount",),
    calls=("Amount", "strlen", "total"),
    bases=(("Tax", "Base"), ("Tax", "Rule")),
    package="Shop.Taxes",
)

SWIFT = Sample(
    path="Sources/Shop/Tax.swift",
    source="""import Foundation

/// Computes value added tax.
public class Tax: Base, Rule {
    /// The tax of a cart.
    func of(cart: Cart) -> Amount {
        return Amount(cart.total())
    }
}

protocol Rule {
    func applies() -> Bool
}

enum Kind { case full }

extension Tax {
    func close() {}
}

func lookup(country: String) -> Int { return 19 }
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("method", "Tax.of", "The tax of a cart."),
        ("interface", "Rule", ""),
        ("method", "Rule.applies", ""),
        ("enum", "Kind", ""),
        ("method", "Tax.close", ""),
        ("function", "lookup", ""),
    ),
    imports=("Foundation",),
    calls=("Amount", "total"),
    bases=(("Tax", "Base"), ("Tax", "Rule")),
)

SCALA = Sample(
    path="src/main/scala/shop/Tax.scala",
    source="""package shop.taxes

import shop.money.{Amount, Rounding => R}
import shop.rates._

/** Computes value added tax. */
class Tax(rate: Int) extends Base(rate) with Rule {
  /** The tax of a cart. */
  def of(cart: Cart): Amount = Amount(cart.total())
}

trait Rule

object Rates {
  def lookup(country: String): Int = 19
}
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("method", "Tax.of", "The tax of a cart."),
        ("interface", "Rule", ""),
        ("class", "Rates", ""),
        ("method", "Rates.lookup", ""),
    ),
    imports=("shop.money.Amount", "shop.money.Rounding", "shop.rates.*"),
    calls=("Amount", "total"),
    bases=(("Tax", "Base"), ("Tax", "Rule")),
    package="shop.taxes",
)

OBJECTIVE_C = Sample(
    path="Shop/Tax.m",
    source="""#import "Tax.h"
#import <Foundation/Foundation.h>

/// Computes value added tax.
@interface Tax : Base
- (Amount *)of:(Cart *)cart;
@end

@implementation Tax

// The tax of a cart.
- (Amount *)of:(Cart *)cart {
    return [Amount withValue:[cart total]];
}

@end

int lookup(int country) { return round_up(country); }
""",
    symbols=(
        ("class", "Tax", "Computes value added tax."),
        ("method", "Tax.of", "The tax of a cart."),
        ("function", "lookup", ""),
    ),
    imports=("<Foundation/Foundation.h>", "Tax.h"),
    calls=("round_up", "total", "withValue"),
    bases=(("Tax", "Base"),),
)

SAMPLES = (
    *(PYTHON, JAVA, KOTLIN, JAVASCRIPT, TYPESCRIPT, TSX, GO, C, CPP, RUST),
    *(CSHARP, RUBY, PHP, SWIFT, SCALA, OBJECTIVE_C),
)
