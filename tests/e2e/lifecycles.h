// The lifecycles of fixtures/lifecycles, each lived by as many twins as a test wants: the same events about objects,
// users and event ids of their own, side by side in one database.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace billsync::testing {

// In which version's form an event is posted.
enum class Shape : uint8_t { kAcacia, kEndive };
inline constexpr std::array<Shape, 2> kShapes{Shape::kAcacia, Shape::kEndive};

// A twin is a lifecycle with another suffix; numbers are unique among the twins of a database.
struct Twin {
  uint32_t number = 0;
  uint64_t seed = 0;  // event ids are drawn from it: they must not tell the order
};

// A text of the fixtures, cut where a twin has something of its own.
class TwinText {
 public:
  // `key` ("i05a"), `user` (a uuid) and the event's id are what differs.
  TwinText(const std::string& text, const std::string& key, const std::string& user, const std::string& event_id);
  // For the event with that index in its lifecycle.
  std::string For(const Twin& twin, size_t event) const;

 private:
  enum class Slot : uint8_t { kEnd, kKey, kUser, kEvent };
  std::string key_, user_;
  std::vector<std::pair<std::string, Slot>> pieces_;  // a text, and what follows it
};

struct LifecycleEvent {
  std::string file;                           // "07-invoice.paid"
  std::array<std::optional<TwinText>, 2> in;  // by Shape; an event may exist in one shape only
  std::string fate;                           // "applied", "ignored type_not_used"
  const std::optional<TwinText>& In(Shape shape) const { return in[static_cast<size_t>(shape)]; }
};

// A row of expected.json: column → text, none for NULL. Times are Unix seconds.
using Columns = std::map<std::string, std::optional<std::string>>;

struct Lifecycle {
  std::string name, key, user;
  std::optional<std::string> customer_before;  // users.stripe_customer_id before any event
  std::vector<LifecycleEvent> events;
  std::map<std::string, std::vector<Columns>> rows;  // by table

  std::string KeyOf(const Twin& twin) const { return key + "p" + std::to_string(twin.number); }
  std::string UserOf(const Twin& twin) const;
  // A value of the twin as the fixture has it.
  std::string Untwinned(std::string value, const Twin& twin) const;
};

// The text by which a twin's event is known.
std::string EventIdOf(const Lifecycle& lifecycle, const Twin& twin, size_t event);
// Which twin, and which of its events, an id belongs to; which twin a key of its rows names. None for other ids.
std::optional<std::pair<uint32_t, size_t>> TwinEventOf(const std::string& event_id);
std::optional<uint32_t> TwinOf(const std::string& row_key);

// The column whose value names a row of a table ("stripe_invoice_id" of "billing_invoices").
const std::map<std::string, std::string>& RowKeys();

// All lifecycles, or those whose names start with one of `names`, with every time shifted so that as_of is now.
// `edits` are replaced in events and expectations alike.
std::vector<Lifecycle> LoadLifecycles(const std::vector<std::string>& names = {},
                                      const std::vector<std::pair<std::string, std::string>>& edits = {});

}  // namespace billsync::testing
