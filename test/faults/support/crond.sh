#!/bin/sh
# How tokens are kept fresh today, as the write-ups have it: a crontab of `*/2 * * * *` with one line that writes the file
# in place. The two minutes are PERIOD seconds here, in proportion to the life of a token; all else is as it stands there.
# Reads: PERIOD, RUNS, DB_HOST, DB_PORT, DB_USER, AWS_REGION, AWS, USERLIST and, to be told to reload, PSQL and ADMIN.
job() {
  echo "\"$DB_USER\" \"$("$AWS" rds generate-db-auth-token --hostname "$DB_HOST" --port "$DB_PORT" \
    --username "$DB_USER" --region "$AWS_REGION")\"" > "$USERLIST"
  if [ -n "${ADMIN:-}" ]; then "$PSQL" --quiet --no-psqlrc "$ADMIN" --command RELOAD; fi
}

if [ "${1:-}" = once ]; then
  job
  exit
fi
runs=0
while [ "$runs" -lt "$RUNS" ]; do
  sleep "$PERIOD"
  # Cron does not wait for what it started.
  job &
  runs=$((runs + 1))
done
wait
