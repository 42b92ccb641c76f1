"""
What settings, the Home tab and the admins' command say, in English and Chinese. Read through `bot.slack.phrases`.
"""

from collections.abc import Mapping
from typing import Final

# Each phrase as (English, Chinese). Values in braces are escaped by whoever fills them in.
OPERATION_PHRASES: Final[Mapping[str, tuple[str, str]]] = {
    # Who may.
    "admins_only": (
        "Only admins may do that. Admins are named by whoever runs this Signpost.",
        "只有管理员可以这样做。管理员由运行本 Signpost 的人指定。",
    ),
    "members_only": (
        "Only members of this workspace may do that.",
        "只有本工作区的成员可以这样做。",
    ),
    "working": ("Working on it…", "正在处理…"),
    # Settings of a channel.
    "use_done": (
        "Questions in this channel are about {repository} from now on.",
        "从现在起，本频道的问题都针对 {repository}。",
    ),
    "use_done_person": (
        "Your questions here are about {repository} from now on.",
        "从现在起，您在这里的问题都针对 {repository}。",
    ),
    "use_unknown": (
        "I don't know a repository called {name}. I know: {known}.",
        "没有名为 {name} 的代码库。现有：{known}。",
    ),
    "use_none": (
        "I don't know any repository yet. Whoever looks after me can show me one with `signpost train`.",
        "目前还没有任何代码库。管理者可以用 `signpost train` 添加。",
    ),
    "private_on": (
        "Answers in this channel are shown to the asker alone, who may share them.",
        "本频道的回答只有提问者本人可见，提问者可以分享。",
    ),
    "private_off": ("Everybody in this channel sees the answers.", "本频道的所有人都能看到回答。"),
    "votes_off": (
        "Vote buttons are hidden in this channel; reactions still count.",
        "本频道不再显示投票按钮；表情回应仍然计入。",
    ),
    "votes_on": ("Answers in this channel have vote buttons.", "本频道的回答带有投票按钮。"),
    "language_set": ("I answer in {language} in this channel.", "我在本频道使用{language}回答。"),
    "language_auto": (
        "I answer in the language of each question.",
        "我使用每个问题本身的语言回答。",
    ),
    "listen_everything": (
        "Every new message in this channel is a question to me. "
        "That needs the events message.channels and message.groups, see docs/slack.md.",
        "本频道的每条新消息都视为向我提问。这需要事件 message.channels 和 message.groups，请看 docs/slack.md。",
    ),
    "listen_mentions": ("I answer in this channel when I am mentioned.", "在本频道，只有提到我时我才回答。"),
    "settings": (
        "*Here:* repository {repository} · answers {privacy} · votes {votes} · language {language} · "
        "listens to {listens}",
        "*此处：*代码库 {repository} · 回答{privacy} · 投票{votes} · 语言 {language} · 响应{listens}",
    ),
    "settings_public": ("for everybody", "所有人可见"),
    "settings_private": ("for the asker alone", "仅提问者可见"),
    "settings_votes_on": ("shown", "显示"),
    "settings_votes_off": ("hidden", "隐藏"),
    "settings_auto": ("of the question", "随问题"),
    "settings_mentions": ("mentions", "提及"),
    "settings_everything": ("every message", "所有消息"),
    "settings_none": ("none yet", "暂无"),
    "where_help": (
        "`/where` and a change in your words: I name the modules where it belongs.\n"
        "`/where settings`: what holds in this channel\n"
        "`/where use REPOSITORY`: what this channel asks about\n"
        "`/where private on|off`: answers for the asker alone, or for everybody\n"
        "`/where votes on|off`: vote buttons shown or hidden\n"
        "`/where language en|zh|auto`: the language of my replies\n"
        "`/where listen mentions|everything`: which messages are questions",
        "`/where` 加上您要做的改动：我会指出它属于哪些模块。\n"
        "`/where settings`：本频道的设置\n"
        "`/where use 代码库`：本频道针对哪个代码库\n"
        "`/where private on|off`：回答仅提问者可见，或所有人可见\n"
        "`/where votes on|off`：显示或隐藏投票按钮\n"
        "`/where language en|zh|auto`：回复的语言\n"
        "`/where listen mentions|everything`：哪些消息视为提问",
    ),
    "where_wrong": (
        "`{command}` can be followed by {allowed}.",
        "`{command}` 后面可以是 {allowed}。",
    ),
    # Private answers.
    "share": ("Share with everyone", "分享给所有人"),
    "private_note": ("Only you can see this answer.", "只有您能看到这个回答。"),
    "shared": ("Shared in the thread.", "已分享到消息列。"),
    "shared_by": ("shared by {person}", "由 {person} 分享"),
    # The admins' command.
    "admin_help": (
        "`/where-admin status`: workers, queue, releases, trainings\n"
        "`/where-admin repos`: the repositories I know\n"
        "`/where-admin retrain [REPOSITORY] [quick]`: train a release with the confirmed corrections\n"
        "`/where-admin reindex [REPOSITORY]`: look at the newest commit\n"
        "`/where-admin promote RELEASE`: let a release serve, whatever the gate said\n"
        "`/where-admin rollback [REPOSITORY]`: back to the release that served before",
        "`/where-admin status`：工作进程、队列、版本、训练\n"
        "`/where-admin repos`：现有代码库\n"
        "`/where-admin retrain [代码库] [quick]`：用已确认的修正训练新版本\n"
        "`/where-admin reindex [代码库]`：查看最新提交\n"
        "`/where-admin promote 版本`：启用某个版本，无论检验结果如何\n"
        "`/where-admin rollback [代码库]`：回到之前启用的版本",
    ),
    "retrain_started": (
        "A training of {repository} is queued; its progress is in a message here.",
        "{repository} 的训练已排队；进度显示在此处的一条消息中。",
    ),
    "retrain_running": (
        "A training of {repository} is under way already; its progress is in a message here.",
        "{repository} 的训练已在进行；进度显示在此处的一条消息中。",
    ),
    "reindex_started": (
        "A look at the newest commit of {repository} is queued; what it finds comes in a message here.",
        "已排队查看 {repository} 的最新提交；结果会显示在此处的一条消息中。",
    ),
    "reindex_running": (
        "A look at {repository} is under way already; what it finds comes in a message here.",
        "{repository} 正在查看中；结果会显示在此处的一条消息中。",
    ),
    "promote_done": (
        "{release} answers questions about {repository} from now on.",
        "从现在起由 {release} 回答 {repository} 的问题。",
    ),
    "promote_unknown": ("There is no release called {release}.", "没有名为 {release} 的版本。"),
    "promote_active": ("{release} is the one that answers already.", "{release} 已经在使用中。"),
    "promote_which": (
        "Which one? `/where-admin promote RELEASE`. There are: {releases}.",
        "哪一个？`/where-admin promote 版本`。现有：{releases}。",
    ),
    "promote_damaged": (
        "{release} cannot serve, its files are damaged: {problem}",
        "{release} 无法使用，文件已损坏：{problem}",
    ),
    "rollback_done": (
        "Back to {release} for {repository}.",
        "{repository} 已回到 {release}。",
    ),
    "rollback_none": (
        "There is no earlier release of {repository} to go back to.",
        "{repository} 没有更早的版本可以回退。",
    ),
    # State.
    "state_workers": (
        "*Workers:* {answers} answering, {training} training · *Queue:* {waiting} questions, {trainings} trainings",
        "*工作进程：*回答 {answers} 个，训练 {training} 个 · *队列：*问题 {waiting} 个，训练 {trainings} 个",
    ),
    "state_queue_down": (
        ":warning: The queue cannot be reached. Questions are not acknowledged until it is back; "
        "Slack sends them again.",
        ":warning: 队列无法访问。恢复之前不会确认收到问题，Slack 会重新发送。",
    ),
    "state_nobody": (
        ":warning: No worker answers questions. Start one with `signpost worker answers`.",
        ":warning: 没有工作进程在回答问题。请用 `signpost worker answers` 启动。",
    ),
    "state_release": (
        "*{repository}:* release {release}, code at {commit}, in use since {since}{score}",
        "*{repository}：*版本 {release}，代码提交 {commit}，自 {since} 起使用{score}",
    ),
    "state_score": (", right module first in {share} of held-out requirements", "，留出需求中首位命中率 {share}"),
    "state_no_release": (
        "*{repository}:* no release yet",
        "*{repository}：*尚无版本",
    ),
    "state_training": ("Last training: {what}", "最近训练：{what}"),
    "state_reindexing": ("Last look at the code: {what}", "最近查看代码：{what}"),
    "state_no_training": ("No training yet", "尚未训练"),
    "repos_none": ("I don't know any repository yet.", "目前还没有任何代码库。"),
    # Progress of a training or a re-indexing.
    "progress_training": (
        "*Training of {repository}*, asked for by {person}",
        "*{repository} 的训练*，由 {person} 发起",
    ),
    "progress_reindexing": (
        "*A look at the newest commit of {repository}*, asked for by {person}",
        "*查看 {repository} 的最新提交*，由 {person} 发起",
    ),
    "progress_queued": ("Waiting for the training worker…", "正在等待训练进程…"),
    "progress_stage": ("{stage}: {done} of {total}", "{stage}：{done} / {total}"),
    "progress_stage_open": ("{stage}…", "{stage}…"),
    "progress_done": (
        ":white_check_mark: Done in {took}: release {release} answers from now on. {verdict}",
        ":white_check_mark: 用时 {took}，完成：从现在起使用版本 {release}。{verdict}",
    ),
    "progress_refused": (
        ":no_entry_sign: Done in {took}, but release {release} is not put to use: {verdict}",
        ":no_entry_sign: 用时 {took}，完成，但版本 {release} 未启用：{verdict}",
    ),
    "progress_failed": (":x: It failed after {took}: {error}", ":x: {took}后失败：{error}"),
    "found_current": (
        ":white_check_mark: The serving release knows this code: commit {commit}, {modules}.",
        ":white_check_mark: 使用中的版本与代码一致：提交 {commit}，{modules}。",
    ),
    "found_behind": (
        ":white_check_mark: Newest commit {commit}, {modules}. Since {serving}, which the serving release was made "
        "from: {changes}. The release keeps what it was trained on; `/where-admin retrain` brings it up to date.",
        ":white_check_mark: 最新提交 {commit}，{modules}。与使用中的版本所依据的 {serving} 相比：{changes}。"
        "版本保持训练时的状态；用 `/where-admin retrain` 更新。",
    ),
    "found_first": (
        ":white_check_mark: Newest commit {commit}, {modules}. There is no release yet.",
        ":white_check_mark: 最新提交 {commit}，{modules}。尚无版本。",
    ),
    "modules.one": ("{number} module", "{number} 个模块"),
    "modules.many": ("{number} modules", "{number} 个模块"),
    "modules_new.one": ("{number} module is new{names}", "新增 {number} 个模块{names}"),
    "modules_new.many": ("{number} modules are new{names}", "新增 {number} 个模块{names}"),
    "modules_gone.one": ("{number} is gone{names}", "消失 {number} 个模块{names}"),
    "modules_gone.many": ("{number} are gone{names}", "消失 {number} 个模块{names}"),
    "modules_changed.one": ("{number} changed", "有改动 {number} 个模块"),
    "modules_changed.many": ("{number} changed", "有改动 {number} 个模块"),
    "took_seconds": ("{number} s", "{number} 秒"),
    "took_minutes": ("{number} min", "{number} 分钟"),
    "took_hours": ("{number} h", "{number} 小时"),
    # The Home tab.
    "home_intro": (
        "*Signpost tells you where a change belongs.* Ask here, in a direct message, or by mentioning me in a channel.",
        "*Signpost 告诉您一处改动属于哪里。* 可以在这里、在私信中提问，也可以在频道里提到我。",
    ),
    "home_question": ("What should change?", "您要改什么？"),
    "home_example": (
        "e.g. where do I change how avoid-tolls routing is computed?",
        "例如：在哪里修改避开收费路线的计算？",
    ),
    "home_ask": ("Ask", "提问"),
    "home_asked": (
        "Asked; the answer comes in our direct message.",
        "已提问；回答会出现在我们的私信里。",
    ),
    "home_failed": ("That did not work: {problem}", "操作失败：{problem}"),
    "home_repository": ("About which repository", "针对哪个代码库"),
    "home_recent": ("*Your recent questions*", "*您最近的问题*"),
    "home_open": ("open", "打开"),
    "home_recent_none": ("_Nothing yet._", "_还没有。_"),
    "home_waiting": ("waiting for its answer", "等待回答"),
    "home_error": ("could not be answered", "未能回答"),
    "home_nothing": ("no module matched", "没有匹配的模块"),
    "home_admin": ("*For admins*", "*管理员*"),
    "home_more": (
        "and {number} more repositories: `/where-admin status`",
        "另有 {number} 个代码库：`/where-admin status`",
    ),
    "button_retrain": ("Retrain", "重新训练"),
    "button_reindex": ("Re-index", "重新索引"),
    "button_rollback": ("Roll back", "回退"),
    "button_promote": ("Promote…", "启用版本…"),
    "confirm_title": ("Are you sure?", "确定吗？"),
    "confirm_yes": ("Do it", "执行"),
    "confirm_no": ("Cancel", "取消"),
    "confirm_retrain": (
        "A release of {repository} is trained. It takes minutes to hours and serves only if it is not worse.",
        "将训练 {repository} 的新版本，需要几分钟到几小时；不比现在差才会启用。",
    ),
    "confirm_reindex": (
        "The newest commit of {repository} is indexed and compared. What answers now stays as it is.",
        "将索引并比较 {repository} 的最新提交。正在使用的版本不变。",
    ),
    "confirm_rollback": (
        "Questions about {repository} are answered by the release that served before.",
        "{repository} 的问题将由之前的版本回答。",
    ),
    "confirm_promote": (
        "The chosen release answers from the next question on, whatever the gate said about it.",
        "所选版本将从下一个问题起回答，无论检验结果如何。",
    ),
}
