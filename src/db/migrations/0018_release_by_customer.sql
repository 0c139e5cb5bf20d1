-- One plan of a trigger that went wrong under load.
--
-- billing_release_parked_of_customer() looks for the parked events of a customer. Planned without knowing how many customers
-- it will be asked for, PostgreSQL takes ten, and where its statistics say that hardly anything is parked it reads all that
-- is parked instead, for every row: seconds for a batch of links while thousands of events were waiting. Planned for the
-- one customer at hand it goes by the customer's index.
--
-- Safe on a live database: a setting of a function.
ALTER FUNCTION billing_release_parked_of_customer() SET plan_cache_mode = 'force_custom_plan';
