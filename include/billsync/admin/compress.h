// gzip, for answers that are worth it.
#pragma once

#include <string>
#include <string_view>

#include "billsync/http/request.h"
#include "billsync/http/response.h"

namespace billsync::admin {

// The text as gzip: equal bytes for equal texts.
std::string Compressed(std::string_view text);

// Whether the client takes gzip.
bool TakesGzip(const http::Request& request);

// Compresses the body if the client takes it and it is long enough to gain; says Vary either way. Leaves streams alone.
void CompressFor(const http::Request& request, http::Response& response);

}  // namespace billsync::admin
