/*-------------------------------------------------------------------------
 *
 * job_progress.c
 *	  Showing other sessions what a worker does.
 *
 * The server keeps for each process what its command is and how far it has
 * come; a job looks like a REINDEX there, so that the server's own view shows
 * its phases.  What else there is to say is in counters which that view does
 * not show.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "am/common/build.h"
#include "base/compat.h"
#include "commands/progress.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_status.h"
#include "worker/job_progress.h"

#define PROGRESS_JOB_INDEX 16	/* in VACUUM */
#define PROGRESS_JOB_KIND 17
#define PROGRESS_JOB_SEGMENT 18
#define PROGRESS_JOB_MARK 19
#define JOB_MARK INT64CONST(0x7644424a4f42)

const char *
job_kind_name(JobKind kind)
{
	static const char *const names[] = {"", "seal", "free", "build", "merge",
	"compact"};

	return names[kind];
}

void
job_progress_start(Relation index, const Job *job)
{
	const int	params[] = {PROGRESS_CREATEIDX_COMMAND,
		PROGRESS_CREATEIDX_INDEX_OID,
		PROGRESS_CREATEIDX_ACCESS_METHOD_OID, PROGRESS_CREATEIDX_PHASE,
	PROGRESS_JOB_KIND, PROGRESS_JOB_SEGMENT, PROGRESS_JOB_MARK};
	const int64 values[] = {PROGRESS_CREATEIDX_COMMAND_REINDEX,
		RelationGetRelid(index),
		index->rd_rel->relam, PROGRESS_CREATEIDX_PHASE_BUILD,
	job->kind, job->nids > 0 ? job->ids[0] : 0, JOB_MARK};
	StringInfoData activity;

	initStringInfo(&activity);
	appendStringInfo(&activity, "vectordb: %s %s",
					 job_kind_name(job->kind),
					 RelationGetRelationName(index));
	for (int i = 0; i < job->nids; i++)
		appendStringInfo(&activity, "%s%u", i == 0 ? ", segments " : ", ",
						 job->ids[i]);
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, activity.data);
	pgstat_progress_start_command(PROGRESS_COMMAND_CREATE_INDEX,
								  index->rd_index->indrelid);
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

void
job_progress_end(void)
{
	pgstat_progress_end_command();
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
job_progress_start_in_vacuum(Relation index, const Job *job)
{
	const int	params[] = {PROGRESS_JOB_INDEX, PROGRESS_JOB_KIND,
	PROGRESS_JOB_SEGMENT, PROGRESS_JOB_MARK};
	const int64 values[] = {RelationGetRelid(index), job->kind, job->ids[0],
	JOB_MARK};

	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

void
job_progress_end_in_vacuum(void)
{
	pgstat_progress_update_param(PROGRESS_JOB_MARK, 0);
}

/* The index of a process's job, or InvalidOid. */
static Oid
job_progress_index(const PgBackendStatus * status)
{
	const int64 *param = status->st_progress_param;

	if (status->st_databaseid != MyDatabaseId ||
		param[PROGRESS_JOB_MARK] != JOB_MARK)
		return InvalidOid;
	switch (status->st_progress_command)
	{
		case PROGRESS_COMMAND_CREATE_INDEX:
			return param[PROGRESS_CREATEIDX_INDEX_OID];
		case PROGRESS_COMMAND_VACUUM:
			return param[PROGRESS_JOB_INDEX];
		default:
			return InvalidOid;
	}
}

bool
job_running(Oid indexrelid, RunningJob *running)
{
	int			nbackends = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= nbackends; i++)
	{
		PgBackendStatus *status = vdb_backend_status(i);
		const int64 *param;

		if (status == NULL || job_progress_index(status) != indexrelid)
			continue;
		param = status->st_progress_param;
		running->pid = status->st_procpid;
		running->kind = param[PROGRESS_JOB_KIND];
		running->segment = param[PROGRESS_JOB_SEGMENT];
		running->start = status->st_activity_start_timestamp;
		running->progress =
			status->st_progress_command == PROGRESS_COMMAND_VACUUM ? -1 :
			build_graph_progress(param);
		return true;
	}
	return false;
}
