# Turns a file of "-- name: ClaimDueEvents" blocks into a header with one db::Query constant a block, and a whole
# migration into a db::MigrationText. Included by src/CMakeLists.txt for the functions; run as a script (cmake -P) by
# the build for the work.

function(billsync_embed_queries TARGET FOLDER SQL)
  get_filename_component(stem ${SQL} NAME_WE)
  set(header ${CMAKE_BINARY_DIR}/generated/${FOLDER}/${FOLDER}/${stem}_sql.h)
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DMODE=queries -DFOLDER=${FOLDER} -DIN=${CMAKE_CURRENT_SOURCE_DIR}/${SQL} -DOUT=${header}
            -P ${PROJECT_SOURCE_DIR}/src/db/embed_queries.cmake
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${SQL} ${PROJECT_SOURCE_DIR}/src/db/embed_queries.cmake
    VERBATIM)
  target_sources(${TARGET} PRIVATE ${header})
  target_include_directories(${TARGET} PRIVATE ${CMAKE_BINARY_DIR}/generated/${FOLDER})
  set_property(GLOBAL APPEND PROPERTY BILLSYNC_QUERY_HEADERS ${header})
endfunction()

function(billsync_embed_migrations TARGET)
  set(header ${CMAKE_BINARY_DIR}/generated/db/db/migrations_sql.h)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  add_custom_command(
    OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DMODE=migrations "-DIN=${ARGN}" -DOUT=${header}
            -P ${PROJECT_SOURCE_DIR}/src/db/embed_queries.cmake
    DEPENDS ${ARGN} ${PROJECT_SOURCE_DIR}/src/db/embed_queries.cmake
    VERBATIM)
  target_sources(${TARGET} PRIVATE ${header})
  target_include_directories(${TARGET} PRIVATE ${CMAKE_BINARY_DIR}/generated/db)
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE)
  return()
endif()

# A C++ raw string is limited by some compilers to 64 KiB, so long texts are written as adjacent literals.
function(raw_literal OUTVAR TEXT)
  set(pieces "\"\"\n")
  string(LENGTH "${TEXT}" length)
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${TEXT}" ${at} 12000 piece)
    string(APPEND pieces "R\"__sql__(${piece})__sql__\"\n")
    math(EXPR at "${at} + 12000")
  endwhile()
  set(${OUTVAR} "${pieces}" PARENT_SCOPE)
endfunction()

set(out "// Generated from SQL files; edit those.\n#pragma once\n#include <array>\n#include \"billsync/db/query.h\"\n")

if(MODE STREQUAL "queries")
  file(READ ${IN} text)
  get_filename_component(stem ${IN} NAME_WE)
  string(APPEND out "namespace billsync::${FOLDER}::sql {\n")
  set(names "")
  set(marker "-- name: ")
  string(FIND "${text}" "${marker}" at)
  while(NOT at EQUAL -1)
    string(SUBSTRING "${text}" ${at} -1 text)
    string(LENGTH "${marker}" skip)
    string(SUBSTRING "${text}" ${skip} -1 text)
    string(FIND "${text}" "\n" eol)
    string(SUBSTRING "${text}" 0 ${eol} name)
    string(STRIP "${name}" name)
    string(SUBSTRING "${text}" ${eol} -1 text)
    string(FIND "${text}" "${marker}" at)
    if(at EQUAL -1)
      set(body "${text}")
    else()
      string(SUBSTRING "${text}" 0 ${at} body)
    endif()
    string(STRIP "${body}" body)
    raw_literal(literal "${body}")
    string(APPEND out "inline constexpr db::Query k${name}{\"${FOLDER}.${name}\",\n${literal}};\n")
    string(APPEND names "&k${name}, ")
  endwhile()
  string(APPEND out "inline constexpr std::array<const db::Query*, ")
  string(REGEX MATCHALL "&k" count "${names}")
  list(LENGTH count count)
  string(APPEND out "${count}> k_${stem}_queries{${names}};\n}  // namespace billsync::${FOLDER}::sql\n")
else()
  string(APPEND out "namespace billsync::db {\ninline constexpr std::array kMigrationTexts{\n")
  foreach(file IN LISTS IN)
    file(READ ${file} text)
    get_filename_component(stem ${file} NAME_WE)
    raw_literal(literal "${text}")
    string(APPEND out "MigrationText{\"${stem}\",\n${literal}},\n")
  endforeach()
  string(APPEND out "};\n}  // namespace billsync::db\n")
endif()

file(WRITE ${OUT} "${out}")
