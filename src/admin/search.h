// Turns what was typed into a search field into parameters of statements.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "billsync/admin/reading.h"

namespace billsync::admin {

// In lower case, as billing_users_by_email has the addresses.
std::string AddressPrefix(std::string text);
// What every text that begins with the prefix is less than: the greatest character behind it.
std::string AfterPrefix(const std::string& prefix);

// Ids of the users meant, at most 100; nullopt when the search is not about users.
std::optional<std::vector<std::string>> UsersMeant(db::Transaction& tx, const SearchText& search);

}  // namespace billsync::admin
