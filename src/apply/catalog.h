// What Stripe's catalog says of the prices and products of one batch.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "billsync/billing/price_facts.h"
#include "billsync/db/session.h"

namespace billsync::apply {

// Collect what is needed, load once, then ask. A price nobody asked for, or that no event told of, is not known.
class Catalog {
 public:
  void WantPrice(const std::string& id) { prices_.try_emplace(id); }
  void WantProduct(const std::string& id) { products_.try_emplace(id); }
  void Load(db::Transaction& tx);

  std::optional<billing::CatalogPrice> Price(const std::string& id) const;
  // plan_tier in the metadata of the product.
  std::optional<std::string> ProductTier(const std::optional<std::string>& id) const;

 private:
  std::map<std::string, std::optional<billing::CatalogPrice>> prices_;
  std::map<std::string, std::optional<std::string>> products_;
};

}  // namespace billsync::apply
