// JSON that the program printed, read by another reader than its own.
#pragma once

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <sstream>
#include <string>
#include <vector>

namespace billsync::testing {

// A failed test and null when `text` is not one JSON value.
inline rapidjson::Document ParsedJson(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str(), text.size());
  EXPECT_FALSE(document.HasParseError()) << text;
  if (document.HasParseError()) document.SetNull();
  return document;
}

// One value a line.
inline std::vector<rapidjson::Document> ParsedLines(const std::string& text) {
  std::vector<rapidjson::Document> values;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) values.push_back(ParsedJson(line));
  return values;
}

// The member as text: a text as it is, a number in decimal, true, false, null; "" when there is none.
inline std::string Member(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject() || !object.HasMember(name)) return "";
  const auto& value = object[name];
  if (value.IsString()) return {value.GetString(), value.GetStringLength()};
  if (value.IsInt64()) return std::to_string(value.GetInt64());
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  return value.IsNull() ? "null" : "(not a plain value)";
}

}  // namespace billsync::testing
