#include "catalog.h"

#include <algorithm>
#include <iterator>

namespace billsync::testing {
namespace {

constexpr const char* kCatalog = R"(
WITH relations AS (
    SELECT * FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S') AND relname !~ '^llm_calls'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = pg_class.oid
                                                AND d.deptype = 'e')
), functions AS (
    SELECT * FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = pg_proc.oid
                                                AND d.deptype = 'e')
), lines AS (
    SELECT format('relation %s %s rls=%s options=%s', relname, relkind, relrowsecurity, reloptions) AS line
    FROM relations
    UNION ALL
    SELECT format('privilege %s %s', r.relname, item)
    FROM relations r, unnest(coalesce(r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
                                                           r.relowner))) item
    UNION ALL
    SELECT format('column %s.%s %s null=%s default=%s identity=%s collation=%s compression=%s', r.relname, a.attname,
                  format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
                  a.attidentity, a.attcollation::regcollation, a.attcompression)
    FROM relations r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    WHERE r.relkind <> 'S'
    UNION ALL
    SELECT format('constraint %s.%s %s valid=%s', r.relname, c.conname, pg_get_constraintdef(c.oid), c.convalidated)
    FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
    UNION ALL
    SELECT format('index %s valid=%s', pg_get_indexdef(i.indexrelid), i.indisvalid)
    FROM relations r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT format('trigger %s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT format('policy %s.%s %s %s %s using %s check %s', r.relname, p.polname, p.polcmd, p.polpermissive,
                  p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    SELECT format('view %s %s', relname, pg_get_viewdef(oid)) FROM relations WHERE relkind = 'v'
    UNION ALL
    SELECT format('function %s', pg_get_functiondef(oid)) FROM functions
    UNION ALL
    SELECT format('execute %s %s', f.oid::regprocedure, item)
    FROM functions f, unnest(coalesce(f.proacl, acldefault('f', f.proowner))) item
    UNION ALL
    SELECT format('comment %s %s', pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description)
    FROM pg_description d
    WHERE (d.classoid = 'pg_class'::regclass AND d.objoid IN (SELECT oid FROM relations))
       OR (d.classoid = 'pg_proc'::regclass AND d.objoid IN (SELECT oid FROM functions))
       OR (d.classoid = 'pg_policy'::regclass)
    UNION ALL
    SELECT format('type %s %s', t.typname, array_agg(e.enumlabel ORDER BY e.enumsortorder))
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.typname
)
SELECT line FROM lines ORDER BY line COLLATE "C")";

}  // namespace

std::vector<std::string> CatalogLines(TestDatabase& database) {
  const auto session = database.Connect();
  db::Transaction tx(*session, {.read_only = true});
  std::vector<std::string> lines;
  for (const db::Row row : tx.Exec("catalog", kCatalog, {})) lines.push_back(row.Text("line"));
  tx.Commit();
  return lines;
}

std::string Missing(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> missing;
  std::ranges::set_difference(a, b, std::back_inserter(missing));
  std::string text;
  for (const auto& line : missing) text += line + "\n";
  return text;
}

std::vector<TableShape> TablesOf(TestDatabase& database) {
  const auto session = database.Connect();
  db::Transaction tx(*session, {.read_only = true});
  std::vector<TableShape> tables;
  const auto rows = tx.Exec("tables",
                            "SELECT c.relname AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS "
                            "columns FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND "
                            "NOT a.attisdropped WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' "
                            "GROUP BY c.relname ORDER BY c.relname",
                            {});
  for (const db::Row row : rows) tables.push_back({row.Text("name"), row.Text("columns")});
  tx.Commit();
  return tables;
}

std::string RowsDigest(TestDatabase& database, const TableShape& table) {
  return database.Value(
      "SELECT count(*) || ' ' || coalesce(md5(string_agg(line, E'\\n' ORDER BY line)), '') FROM "
      "(SELECT (ROW(" +
      table.columns + "))::text AS line FROM " + table.name + ") t");
}

}  // namespace billsync::testing
