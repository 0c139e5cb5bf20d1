// Amounts: Stripe's minor units as 64-bit integers, decimals as text. No floating point.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace billsync::billing {

// Number of decimals of Stripe's minor unit of `currency` (lowercase ISO code): 0, 2 or 3. Stripe's own list, which
// differs from ISO 4217: ISK and UGX count in hundredths. Unknown currencies count in hundredths.
// Source: docs.stripe.com/currencies, read 2026.
int MinorUnitDecimals(std::string_view currency);

// 123456, 2 → "1234.56"; -5, 2 → "-0.05"; 7, 0 → "7".
std::string FormatMinor(int64_t amount_minor, int decimals);

// A decimal with up to 12 places ("0.05", in minor units) times a whole quantity, rounded half away from zero to whole
// minor units. None when the text is no such decimal or has more than 15 digits before the point, the quantity has more
// than ten, or the result does not fit. Stripe's unit_amount_decimal.
std::optional<int64_t> MultiplyDecimal(std::string_view unit, int64_t quantity);

}  // namespace billsync::billing
