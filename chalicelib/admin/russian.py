"""The words themselves: what this package says, then what the services say."""

PLURALS: dict[tuple[str, str], tuple[str, str, str]] = {
    ("at most %(n)s operator code", "at most %(n)s operator codes"): (
        "не больше %(n)s кода оператора",
        "не больше %(n)s кодов оператора",
        "не больше %(n)s кодов оператора",
    ),
    ("a user has at most %(n)s token: revoke one first", "a user has at most %(n)s tokens: revoke one first"): (
        "у пользователя не больше %(n)s токена: сначала отзовите его",
        "у пользователя не больше %(n)s токенов: сначала отзовите один из них",
        "у пользователя не больше %(n)s токенов: сначала отзовите один из них",
    ),
    ("at most %(n)s test message an hour", "at most %(n)s test messages an hour"): (
        "не больше %(n)s тестового сообщения в час",
        "не больше %(n)s тестовых сообщений в час",
        "не больше %(n)s тестовых сообщений в час",
    ),
    (
        "must be more than %(n)s second after the start, and after now: one call may take that long",
        "must be more than %(n)s seconds after the start, and after now: one call may take that long",
    ): (
        "должен быть больше чем на %(n)s секунду позже начала и текущего времени: столько может занять один вызов",
        "должен быть больше чем на %(n)s секунды позже начала и текущего времени: столько может занять один вызов",
        "должен быть больше чем на %(n)s секунд позже начала и текущего времени: столько может занять один вызов",
    ),
    (
        "the sending hours never open for more than %(n)s second between the start and the end",
        "the sending hours never open for more than %(n)s seconds between the start and the end",
    ): (
        "между началом и концом часы отправки ни разу не наступают больше чем на %(n)s секунду",
        "между началом и концом часы отправки ни разу не наступают больше чем на %(n)s секунды",
        "между началом и концом часы отправки ни разу не наступают больше чем на %(n)s секунд",
    ),
    ("a value of an attribute has at most %(n)s character", "a value of an attribute has at most %(n)s characters"): (
        "в значении атрибута не больше %(n)s символа",
        "в значении атрибута не больше %(n)s символов",
        "в значении атрибута не больше %(n)s символов",
    ),
    ("at most %(n)s attribute", "at most %(n)s attributes"): (
        "не больше %(n)s атрибута",
        "не больше %(n)s атрибутов",
        "не больше %(n)s атрибутов",
    ),
    ("at most %(n)s tag", "at most %(n)s tags"): (
        "не больше %(n)s тега",
        "не больше %(n)s тегов",
        "не больше %(n)s тегов",
    ),
    (
        "has %(n)s cell, the header has %(most)s: a cell with a delimiter in it needs quotation marks",
        "has %(n)s cells, the header has %(most)s: a cell with a delimiter in it needs quotation marks",
    ): (
        "%(n)s ячейка, а столбцов: %(most)s; ячейку с разделителем внутри нужно взять в кавычки",
        "%(n)s ячейки, а столбцов: %(most)s; ячейку с разделителем внутри нужно взять в кавычки",
        "%(n)s ячеек, а столбцов: %(most)s; ячейку с разделителем внутри нужно взять в кавычки",
    ),
    ("a file has at most %(n)s row: split it", "a file has at most %(n)s rows: split it"): (
        "в файле не больше %(n)s строки: разделите его",
        "в файле не больше %(n)s строк: разделите его",
        "в файле не больше %(n)s строк: разделите его",
    ),
    ("a file has at most %(n)s column", "a file has at most %(n)s columns"): (
        "в файле не больше %(n)s столбца",
        "в файле не больше %(n)s столбцов",
        "в файле не больше %(n)s столбцов",
    ),
    (
        "a cell has at most %(n)s character; is a quotation mark missing at the end of a cell?",
        "a cell has at most %(n)s characters; is a quotation mark missing at the end of a cell?",
    ): (
        "в ячейке не больше %(n)s символа; не пропущена ли кавычка в конце ячейки?",
        "в ячейке не больше %(n)s символов; не пропущена ли кавычка в конце ячейки?",
        "в ячейке не больше %(n)s символов; не пропущена ли кавычка в конце ячейки?",
    ),
    (
        "a column's name has at most %(n)s character; does the first row hold the names?",
        "a column's name has at most %(n)s characters; does the first row hold the names?",
    ): (
        "в названии столбца не больше %(n)s символа; в первой строке названия?",
        "в названии столбца не больше %(n)s символов; в первой строке названия?",
        "в названии столбца не больше %(n)s символов; в первой строке названия?",
    ),
    ("a phone number is written in at most %(n)s character", "a phone number is written in at most %(n)s characters"): (
        "номер телефона записывают не длиннее %(n)s символа",
        "номер телефона записывают не длиннее %(n)s символов",
        "номер телефона записывают не длиннее %(n)s символов",
    ),
    ("has %(n)s digit: a phone number has more", "has %(n)s digits: a phone number has more"): (
        "%(n)s цифра, в номере телефона их больше",
        "%(n)s цифры, в номере телефона их больше",
        "%(n)s цифр, в номере телефона их больше",
    ),
    (
        "has %(n)s digit, a phone number has at most %(most)s: are these two numbers?",
        "has %(n)s digits, a phone number has at most %(most)s: are these two numbers?",
    ): (
        "%(n)s цифра, в номере телефона их не больше %(most)s; это два номера?",
        "%(n)s цифры, в номере телефона их не больше %(most)s; это два номера?",
        "%(n)s цифр, в номере телефона их не больше %(most)s; это два номера?",
    ),
    ("has %(least)s to %(n)s character", "has %(least)s to %(n)s characters"): (
        "от %(least)s до %(n)s символа",
        "от %(least)s до %(n)s символов",
        "от %(least)s до %(n)s символов",
    ),
    ("a user's name has %(least)s to %(n)s printable character", "a user's name has %(least)s to %(n)s printable characters"): (
        "в имени от %(least)s до %(n)s печатного символа",
        "в имени от %(least)s до %(n)s печатных символов",
        "в имени от %(least)s до %(n)s печатных символов",
    ),
    ("a password has %(least)s to %(n)s character", "a password has %(least)s to %(n)s characters"): (
        "в пароле от %(least)s до %(n)s символа",
        "в пароле от %(least)s до %(n)s символов",
        "в пароле от %(least)s до %(n)s символов",
    ),
    ("a tag has %(least)s to %(n)s character", "a tag has %(least)s to %(n)s characters"): (
        "в теге от %(least)s до %(n)s символа",
        "в теге от %(least)s до %(n)s символов",
        "в теге от %(least)s до %(n)s символов",
    ),
    ("an operator code is made of %(least)s to %(n)s digit", "an operator code is made of %(least)s to %(n)s digits"): (
        "код оператора состоит из %(least)s–%(n)s цифры",
        "код оператора состоит из %(least)s–%(n)s цифр",
        "код оператора состоит из %(least)s–%(n)s цифр",
    ),
    ("a password has at least %(n)s different character", "a password has at least %(n)s different characters"): (
        "в пароле не меньше %(n)s символа",
        "в пароле не меньше %(n)s разных символов",
        "в пароле не меньше %(n)s разных символов",
    ),
    ("%(n)s message", "%(n)s messages"): (
        "%(n)s сообщение",
        "%(n)s сообщения",
        "%(n)s сообщений",
    ),
    ("%(n)s do-not-contact entry", "%(n)s do-not-contact entries"): (
        "%(n)s запись «не беспокоить»",
        "%(n)s записи «не беспокоить»",
        "%(n)s записей «не беспокоить»",
    ),
    ("%(n)s change", "%(n)s changes"): (
        "%(n)s изменение",
        "%(n)s изменения",
        "%(n)s изменений",
    ),
    ("%(n)s character", "%(n)s characters"): (
        "%(n)s символ",
        "%(n)s символа",
        "%(n)s символов",
    ),
    (
        "What it is for. It is good for %(n)s day, and does all that its user may do.",
        "What it is for. It is good for %(n)s days, and does all that its user may do.",
    ): (
        "Для чего он. Действует %(n)s день и может всё, что может его пользователь.",
        "Для чего он. Действует %(n)s дня и может всё, что может его пользователь.",
        "Для чего он. Действует %(n)s дней и может всё, что может его пользователь.",
    ),
    (
        "A session that is not used for %(n)s minute ends by itself.",
        "A session that is not used for %(n)s minutes ends by itself.",
    ): (
        "Сеанс завершается сам, если им не пользуются в течение %(n)s минуты.",
        "Сеанс завершается сам, если им не пользуются в течение %(n)s минут.",
        "Сеанс завершается сам, если им не пользуются в течение %(n)s минут.",
    ),
    ("%(n)s message is settled.", "%(n)s messages are settled."): (
        "Записан ответ о %(n)s сообщении.",
        "Записаны ответы о %(n)s сообщениях.",
        "Записаны ответы о %(n)s сообщениях.",
    ),
    (
        "%(n)s client gets the message at night, between 21:00 and 8:00 on their clock.",
        "%(n)s clients get the message at night, between 21:00 and 8:00 on their clock.",
    ): (
        "%(n)s клиент получит сообщение ночью, между 21:00 и 8:00 по своему времени.",
        "%(n)s клиента получат сообщение ночью, между 21:00 и 8:00 по своему времени.",
        "%(n)s клиентов получат сообщение ночью, между 21:00 и 8:00 по своему времени.",
    ),
    ("%(n)s token is revoked.", "%(n)s tokens are revoked."): (
        "Отозван %(n)s токен.",
        "Отозвано %(n)s токена.",
        "Отозвано %(n)s токенов.",
    ),
    ("With the longest values %(n)s SMS", "With the longest values %(n)s SMS"): (
        "С самыми длинными значениями %(n)s SMS",
        "С самыми длинными значениями %(n)s SMS",
        "С самыми длинными значениями %(n)s SMS",
    ),
    (
        "%(n)s client would get no message, because a value that the text needs is missing.",
        "%(n)s clients would get no message, because a value that the text needs is missing.",
    ): (
        "%(n)s клиент не получит сообщения: не хватает значения, нужного тексту.",
        "%(n)s клиента не получат сообщения: не хватает значения, нужного тексту.",
        "%(n)s клиентов не получат сообщения: не хватает значения, нужного тексту.",
    ),
    ("%(zone)s and %(n)s more time zone", "%(zone)s and %(n)s more time zones"): (
        "%(zone)s и ещё %(n)s часовой пояс",
        "%(zone)s и ещё %(n)s часовых пояса",
        "%(zone)s и ещё %(n)s часовых поясов",
    ),
    ("%(n)s API token is deleted with it.", "%(n)s API tokens are deleted with it."): (
        "Вместе с этим удаляется %(n)s API-токен.",
        "Вместе с этим удаляются %(n)s API-токена.",
        "Вместе с этим удаляется %(n)s API-токенов.",
    ),
    ("%(n)s client", "%(n)s clients"): ("%(n)s клиент", "%(n)s клиента", "%(n)s клиентов"),
    ("%(n)s client was deleted.", "%(n)s clients were deleted."): (
        "Удалён %(n)s клиент.",
        "Удалены %(n)s клиента.",
        "Удалено %(n)s клиентов.",
    ),
    ("%(n)s more client is being deleted.", "%(n)s more clients are being deleted."): (
        "Ещё %(n)s клиент удаляется.",
        "Ещё %(n)s клиента удаляются.",
        "Ещё %(n)s клиентов удаляются.",
    ),
    ("%(n)s is not to be contacted", "%(n)s are not to be contacted"): (
        "из них %(n)s в списке «не беспокоить»",
        "из них %(n)s в списке «не беспокоить»",
        "из них %(n)s в списке «не беспокоить»",
    ),
    ("%(n)s message is being tried again.", "%(n)s messages are being tried again."): (
        "Повторяется %(n)s сообщение.",
        "Повторяются %(n)s сообщения.",
        "Повторяется %(n)s сообщений.",
    ),
    ("%(n)s message is deleted with it.", "%(n)s messages are deleted with it."): (
        "Вместе с этим удаляется %(n)s сообщение.",
        "Вместе с этим удаляются %(n)s сообщения.",
        "Вместе с этим удаляется %(n)s сообщений.",
    ),
    ("%(n)s message was for them and stays in the statistics.", "%(n)s messages were for them and stay in the statistics."): (
        "Им предназначено %(n)s сообщение, оно останется в статистике.",
        "Им предназначены %(n)s сообщения, они останутся в статистике.",
        "Им предназначено %(n)s сообщений, они останутся в статистике.",
    ),
    ("%(n)s of them is not to be contacted.", "%(n)s of them are not to be contacted."): (
        "Из них %(n)s в списке «не беспокоить».",
        "Из них %(n)s в списке «не беспокоить».",
        "Из них %(n)s в списке «не беспокоить».",
    ),
    ("%(n)s of these is waiting and will not be sent.", "%(n)s of these are waiting and will not be sent."): (
        "Из них %(n)s ожидает и не будет отправлено.",
        "Из них %(n)s ожидают и не будут отправлены.",
        "Из них %(n)s ожидают и не будут отправлены.",
    ),
    ("%(n)s row will be deleted.", "%(n)s rows will be deleted."): (
        "Будет удалена %(n)s запись.",
        "Будут удалены %(n)s записи.",
        "Будет удалено %(n)s записей.",
    ),
    ("%(n)s test client was made.", "%(n)s test clients were made."): (
        "Создан %(n)s тестовый клиент.",
        "Создано %(n)s тестовых клиента.",
        "Создано %(n)s тестовых клиентов.",
    ),
    ("Matches %(n)s client", "Matches %(n)s clients"): (
        "Подходит %(n)s клиент",
        "Подходят %(n)s клиента",
        "Подходит %(n)s клиентов",
    ),
    ("Matches %(n)s client now.", "Matches %(n)s clients now."): (
        "Сейчас подходит %(n)s клиент.",
        "Сейчас подходят %(n)s клиента.",
        "Сейчас подходит %(n)s клиентов.",
    ),
    ("in %(n)s time zone", "in %(n)s time zones"): ("в %(n)s часовом поясе", "в %(n)s часовых поясах", "в %(n)s часовых поясах"),
}

MESSAGES: dict[str, str] = {
    "As client #%(id)s would read it; %(characters)s.": "Так его прочтёт клиент №%(id)s; %(characters)s.",
    "Erased: %(counts)s.": "Стёрто: %(counts)s.",
    "a workbook has at most %(n)s rows and %(most)s cells: save it as CSV UTF-8": (
        "в книге строк может быть не больше %(n)s, ячеек — не больше %(most)s: сохраните её как CSV UTF-8"
    ),
    "Its name or its ID": "Название или ID",
    "Phone, name or ID; the selection does not matter": "Телефон, имя или ID; отбор не важен",
    "Not before, on your clock": "Не раньше, по вашим часам",
    "For a message that waits; earlier than now means now": "Для ожидающего сообщения; прошедшее время означает «сейчас»",
    "Cancel message": "Отменить сообщение",
    "It is not sent. Its client is sent this mailing only if somebody adds them again by hand.": (
        "Оно не будет отправлено. Клиент получит эту рассылку, только если его снова добавят вручную."
    ),
    "The message is cancelled.": "Сообщение отменено.",
    "Nothing is found by these words.": "По этим словам ничего не найдено.",
    "Several are found, write the ID of one: %(several)s": "Найдено несколько, укажите ID одного: %(several)s",
    "only a message that waits can be moved or cancelled": "перенести или отменить можно только ожидающее сообщение",
    "the mailing's end is past then where the client lives": "к этому времени у клиента рассылка уже закончится",
    "Of a message that waits, the moment can be moved here, and it can be cancelled. A failed or expired one can be tried again. Mailing, client, phone and result stay as they are: they are the record by which nobody is sent the same message twice.": (  # noqa: E501 - one key
        "У ожидающего сообщения здесь можно перенести время, и его можно отменить. Неудавшееся или просроченное можно отправить ещё раз. "
        "Рассылка, клиент, телефон и результат не меняются: по этой записи никто не получает одно сообщение дважды."
    ),
    "%(phone)s is on the do-not-contact list.": "%(phone)s теперь в списке «не беспокоить».",
    "Accepted": "Принято",
    "Answer": "Ответ",
    "Attempt": "Попытка",
    "Before": "До",
    "Calls to the provider": "Обращения к провайдеру",
    "Configuration rejected": "Настройки отвергнуты",
    "From": "С",
    "Has": "Есть слово",
    "Has not": "Нет слова",
    "Is empty": "Пусто",
    "Last attempted at": "Последняя попытка",
    "Milliseconds": "Миллисекунды",
    "No": "Нет",
    "None is kept: calls are kept from the first one that is not accepted, until the phones of the mailing are cleared.": (
        "Не сохранено: обращения сохраняются начиная с первого непринятого, пока телефоны рассылки не удалены."
    ),
    "Not delivered": "Не доставлено",
    "API": "API",
    "Any HTTP API": "Любой HTTP API",
    "Calls a second": "Обращений в секунду",
    "Cannot be called": "Почему недоступен",
    "Changed": "Изменён",
    "Credential": "Ключ доступа",
    "Delivers once": "Доставляет один раз",
    "Enabled": "Включён",
    "For any HTTP API: its description as JSON": "Для любого HTTP API: его описание в JSON",
    "However often it is called with one ID: calls may be repeated after an unknown outcome": (
        "Сколько бы раз его ни вызвали с одним ID: после неизвестного исхода вызов можно повторить"
    ),
    "In the default order, the lowest first": "В порядке по умолчанию: от меньшего к большему",
    "Never changes: messages bear it. Its credential stands in the service's secret under this name": (
        "Не меняется: оно записано в сообщениях. Ключ доступа хранится в секрете сервиса под этим именем"
    ),
    "One that is not is never called": "К выключенному сервис не обращается",
    "Options": "Параметры",
    "Position": "Порядок",
    "Probe now": "Проверить сейчас",
    "This is not possible in its present state. Reload the page.": "В нынешнем состоянии это невозможно. Обновите страницу.",
    "Providers": "Провайдеры",
    "provider": "провайдер",
    "Sender": "Отправитель",
    "That of docs/provider.md": "По docs/provider.md",
    "The next message is a probe.": "Следующее сообщение будет пробным.",
    "The next message that waits for this provider is sent as a probe: if it is accepted, the circuit breaker closes.": (
        "Следующее сообщение, ожидающее этого провайдера, будет пробным: если его примут, отправка возобновится."
    ),
    "What recipients see": "Что видят получатели",
    "Where the kind has no common one": "Если у этого вида API нет общего адреса",
    "0: any number": "0 — сколько угодно",
    "probe": "проверка",
    "its circuit breaker is closed: nothing holds messages back": "отправка к нему не остановлена: проверять нечего",
    "it is the provider of the deployment's settings: it can be disabled, not deleted": (
        "это провайдер из настроек развёртывания: его можно выключить, но не удалить"
    ),
    "mailings that are not over name it: it can be disabled": "его используют незавершённые рассылки: его можно выключить",
    "another provider has this name": "провайдер с таким именем уже есть",
    "a name never changes: messages that were handed to the provider bear it": "имя не меняется: оно записано в сообщениях",
    "it is a setting of the deployment; only enabled and position can be changed here": (
        "это настройка развёртывания; здесь меняются только «Включён» и «Порядок»"
    ),
    "Provider": "Провайдер",
    "ID at the provider": "Номер у провайдера",
    "SMS counted": "Насчитано SMS",
    "Accepted by an earlier call": "Принято при более раннем вызове",
    "The recipient has opted out": "Получатель отказался от рассылки",
    "Refused, may be accepted later": "Отказано, позже может быть принято",
    "The provider refuses this message alone": "Провайдер отвергает только это сообщение",
    "Calls a second now: %(rate)s; it last objected at %(ceiling)s.": (
        "Обращений в секунду сейчас: %(rate)s; в последний раз провайдер возражал при %(ceiling)s."
    ),
    "Messages wait and spend no attempts.": "Сообщения ждут и не расходуют попыток.",
    "No calls until %(until)s, as it asked for (%(reason)s).": "До %(until)s обращений нет, как он просил (%(reason)s).",
    "The provider limits the number of calls": "Провайдер ограничивает число обращений",
    "Too many calls": "Слишком частые обращения",
    "Unknown": "Неизвестно",
    "Yes": "Да",
    "${name} is the client's attribute, ${name|friend} has a word in its place for clients without it;"
    " a literal ${ is written $${, a dollar sign before a placeholder $$": (
        "${name} — атрибут клиента; ${name|друг} подставит слово тем, у кого его нет; знаки ${ сами по себе пишутся $${,"
        " знак доллара перед подстановкой — $$"
    ),
    "%(done)d of %(all)d deleted; not found: %(missing)d; left for another try: %(remaining)d": (
        "Удалено %(done)d из %(all)d; не найдено: %(missing)d; осталось для повторной попытки: %(remaining)d"
    ),
    "%(done)d of %(all)d deleted, then #%(pk)s: %(why)s": "Удалено %(done)d из %(all)d, затем #%(pk)s: %(why)s",
    "2,160 made-up clients: 24 time zones by operator codes 910 to 999. Deleting deletes every client of everyone.": (
        "2160 вымышленных клиентов: 24 часовых пояса, коды операторов 910–999. Удаление удалит всех клиентов всех владельцев."
    ),
    "A client with this phone is there already": "Клиент с таким телефоном уже есть",
    "A draft: nothing is sent until somebody starts it.": "Черновик: ничего не отправляется, пока его не запустят.",
    "A sample file": "Пример файла",
    "API tokens": "API-токены",
    "Active": "Активен",
    "Admin": "Главная",
    "All sessions of this user end, and all their API tokens are revoked.": (
        "Все сеансы этого пользователя завершатся, а все его токены API будут отозваны."
    ),
    "Any of these, commas between them; empty: all": "Любое из перечисленных через запятую; пусто — все",
    "With the client's values nothing is left of the text": "С данными клиента от текста ничего не остаётся",
    "With the client's values the text is too long": "С данными клиента текст слишком длинный",
    "Send although some clients get no message": "Отправить, хотя часть клиентов не получит сообщения",
    "They lack a value that the text needs, or the window never opens where they live": (
        "У них нет нужного тексту значения, или там, где они живут, окно отправки не открывается"
    ),
    "clients to whom nothing can be sent: %(n)s of %(total)s; %(raw)s": (
        "клиенты, которым ничего нельзя отправить: %(n)s из %(total)s; %(raw)s"
    ),
    "Client #%(id)s would get no message: %(why)s.": "Клиент №%(id)s не получит сообщения: %(why)s.",
    "No client has the attribute %(name)s.": "Атрибута %(name)s нет ни у одного клиента.",
    "Without %(name)s: %(clients)s.": "Без %(name)s: %(clients)s.",
    "Do you mean %(name)s?": "Может быть, %(name)s?",
    "Known attributes: %(names)s.": "Известные атрибуты: %(names)s.",
    "With the longest values the text is too long.": "С самыми длинными значениями текст слишком длинный.",
    "With the longest values: %(segments)s SMS (%(encoding)s, %(units)s)": (
        "С самыми длинными значениями: %(segments)s SMS (%(encoding)s, %(units)s)"
    ),
    "not in the GSM alphabet: %(character)s": "нет в алфавите GSM: %(character)s",
    "has nothing in it that can be seen": "здесь нет ничего видимого",
    "has no line breaks and no control characters": "здесь не должно быть переводов строки и управляющих знаков",
    "must be a text": "должен быть текст",
    "must be a list": "должен быть список",
    "has values with which nothing is left of the text": "с данными этого клиента от текста ничего не остаётся",
    "has values with which the text is too long": "с данными этого клиента текст слишком длинный",
    "clients who would get no message, because they lack a value: %(n)s; lacked values: %(raw)s": (
        "клиентов, которые не получат сообщения, потому что у них нет значения: %(n)s; не хватает: %(raw)s"
    ),
    "the character \ufffd stands in the place of bytes that were not UTF-8: send the text in UTF-8": (
        "знак \ufffd стоит на месте байтов не в UTF-8: отправьте текст в UTF-8"
    ),
    "a number is at most %(n)s either way": "число по модулю не больше %(n)s",
    "the client was changed since you read it: read it again": "клиента изменили, пока вы его читали: откройте его ещё раз",
    "the mailing was changed since you read it: read it again": "рассылку изменили, пока вы её читали: откройте её ещё раз",
    "As of": "По состоянию на",
    "At least 8 characters, 4 of them different; not only digits, not a common password, without the user's name.": (
        "Не менее 8 символов, из них 4 разных; не только цифры, не частый пароль, без имени пользователя."
    ),
    "As it was written": "Как она написана",
    "Attempts": "Попытки",
    "Attributes": "Атрибуты",
    "Begins with": "Начинается с",
    "By status": "По статусам",
    "Cancel the mailing": "Отменить рассылку",
    "Cancelled": "Отменено",
    "Cancelled: nothing more is sent.": "Отменена: больше ничего не отправляется.",
    "Failed messages are being queued again.": "Неотправленные сообщения снова ставятся в очередь.",
    "Change password": "Сменить пароль",
    "Changes": "Изменения",
    "Client": "Клиент",
    "Client #%(id)s lacks the attribute %(name)s and would get no message.": (
        "У клиента №%(id)s нет атрибута %(name)s: он не получит сообщения."
    ),
    "Clients": "Клиенты",
    "Coming up": "Впереди",
    "Commas between them": "Через запятую",
    "Copied": "Скопировано",
    "Copy": "Копировать",
    "Created": "Создано",
    "Daily sending hours in the client's local time; may cross midnight": (
        "Часы отправки по местному времени клиента; могут переходить через полночь"
    ),
    "Dashboard": "Обзор",
    "Day": "День",
    "Delete all clients": "Удалить всех клиентов",
    "Delete all clients of everyone? This cannot be undone.": "Удалить всех клиентов всех владельцев? Отменить это нельзя.",
    "Detail": "Подробности",
    "Do not contact": "Не беспокоить",
    "Done.": "Готово.",
    "Draft": "Черновик",
    "Empty: each client's own, so that everybody gets it at the same time of their day": (
        "Пусто — пояс каждого клиента: все получат в одно и то же время своего дня"
    ),
    "Empty: yourself": "Пусто — вы сами",
    "Ends": "Конец",
    "Every failed message that cannot have been delivered is sent again.": (
        "Повторно отправится каждое неотправленное сообщение, которое заведомо не доставлено."
    ),
    "Expired": "Просрочено",
    "Failed": "Ошибка",
    "Failed messages are being tried again.": "Неотправленные сообщения отправляются повторно.",
    "Field": "Поле",
    "File": "Файл",
    "Finished": "Завершена",
    "Finished at %(at)s.": "Завершена: %(at)s.",
    "For personal texts: one name = value a line; ${name} in a text stands for the value": (
        "Для личных текстов: по одному «имя = значение» в строке; ${имя} в тексте заменится значением"
    ),
    "Empty: the first words of the text": "Пусто: первые слова текста",
    "Empty: now, in every time zone at once": "Пусто: сейчас, во всех часовых поясах сразу",
    "From then on nothing is delivered. Empty: a day after the start": (
        "С этого времени ничего не доставляется. Пусто: через сутки после начала"
    ),
    "must not be empty": "не может быть пустым",
    "Good until": "Действует до",
    "History": "История",
    "Import": "Импорт",
    "Import clients": "Импорт клиентов",
    "Its ID": "Номер (ID)",
    "Its ID; the selection does not matter": "Номер (ID); условия отбора не учитываются",
    "Last used": "Последнее использование",
    "Circuit breaker open since %(since)s (%(reason)s); next probe at %(probe)s. No message is lost meanwhile.": (
        "Не вызывается с %(since)s (%(reason)s); следующая проверка: %(probe)s. Сообщения при этом не теряются."
    ),
    "Mailing": "Рассылка",
    "Mailings": "Рассылки",
    "Create a token": "Создать токен",
    "Create the 2,160 test clients": "Создать 2160 тестовых клиентов",
    "Messages": "Сообщения",
    "Messages a day": "Сообщения по дням",
    "Names in the order in which they are tried, commas between them; empty: all, in the default order": (
        "Имена через запятую в том порядке, в котором их пробуют; пусто — все, в порядке по умолчанию"
    ),
    "Messages a second, at most": "Не больше сообщений в секунду",
    "Messages of this mailing": "Сообщения этой рассылки",
    "Review and send": "Проверка и отправка",
    "When it is sent": "Когда отправить",
    "At its times": "В указанное время",
    "Now": "Сейчас",
    "Recipients: %(number)s": "Получателей: %(number)s",
    "At this rate some messages expire before they are sent.": "При такой скорости часть сообщений истечёт до отправки.",
    "I have seen who gets it at night, and who gets no message": "Вижу, кто получит сообщение ночью и кто не получит его вовсе",
    "Nobody would get this mailing: change its selection or its times.": "Эту рассылку не получит никто: измените отбор или время.",
    "When it arrives": "Когда придёт",
    "Their time": "Их время",
    "Your time": "Ваше время",
    "night": "ночь",
    "too late for some": "не все успеют",
    "Countries and rate": "Страны и скорость",
    "SMS for each, at most": "SMS на каждого, не больше",
    "no limit is set": "не ограничена",
    "From the first message to the last": "От первого сообщения до последнего",
    "What they read": "Что они прочтут",
    "Client #%(id)s": "Клиент №%(id)s",
    "There is no recipient whose text could be shown.": "Нет получателя, чей текст можно показать.",
    "Who gets no message": "Кто не получит сообщения",
    "Without a value that the text needs": "Без значения, нужного тексту",
    "Without %(name)s": "Без %(name)s",
    "get the default": "получат замену",
    "Every selected client gets it.": "Получат все выбранные клиенты.",
    "Unknown country": "Неизвестная страна",
    "The shortest text": "Самый короткий текст",
    "The longest text": "Самый длинный текст",
    "A text with defaults": "Текст с заменами",
    "Send now to %(people)s": "Отправить сейчас: %(people)s",
    "Schedule for %(people)s": "Запланировать: %(people)s",
    "The mailing is scheduled.": "Рассылка запланирована.",
    "Schedule": "Запланировать",
    "Send now": "Отправить сейчас",
    "Duplicate": "Дублировать",
    "A draft with the same text and selection: check its name and its times.": (
        "Черновик с тем же текстом и отбором: проверьте название, время."
    ),
    "Lacks a value of": "Не имеет значения",
    "the number of recipients has changed to %(n)s: look again before you send": (
        "число получателей теперь %(n)s: проверьте ещё раз перед отправкой"
    ),
    "clients who would get the message at night: %(n)s": "клиентов, которые получат сообщение ночью: %(n)s",
    "Theme": "Тема",
    "Light": "Светлая",
    "Dark": "Тёмная",
    "As the system": "Как в системе",
    "Moments are shown in %(zone)s.": "Время указано для пояса %(zone)s.",
    "My account": "Мой аккаунт",
    "Name": "Название",
    "Name of a new token": "Название нового токена",
    "New password": "Новый пароль",
    "New password, again": "Новый пароль ещё раз",
    "Next step": "Следующий шаг",
    "Next: %(people)s in %(zone)s at %(at)s.": "Дальше: %(people)s, %(zone)s, %(at)s.",
    "Next: %(people)s in %(zone)s at %(time)s their time (%(offset)s), which is %(at)s here.": (
        "Дальше: %(people)s, %(zone)s, в %(time)s по их времени (%(offset)s); здесь это %(at)s."
    ),
    "Nobody can tell whether it was delivered": "Неизвестно, доставлено ли",
    "No mailing will reach this phone any more.": "Ни одна рассылка больше не придёт на этот телефон.",
    "Nobody is left to be sent to.": "Отправлять больше некому.",
    "None is scheduled.": "Ничего не запланировано.",
    "None runs now.": "Сейчас ничего не идёт.",
    "Not all of them may be tried again. %(why)s": "Не все можно повторить. %(why)s",
    "none is enabled: nothing is sent until one is": "ни один не включён: пока не включён хотя бы один, ничего не отправляется",
    "Not all of them could be settled. %(why)s": "Не обо всех записан ответ. %(why)s",
    "It was delivered": "Доставлено",
    "It was not delivered": "Не доставлено",
    "They were delivered": "Доставлены",
    "They were not delivered": "Не доставлены",
    "Somebody has found out that it was delivered. This cannot be taken back.": (
        "Выяснено, что сообщение доставлено. Отменить этот ответ нельзя."
    ),
    "Somebody has found out that these messages were delivered. This cannot be taken back.": (
        "Выяснено, что эти сообщения доставлены. Отменить этот ответ нельзя."
    ),
    "Somebody has found out that it was not delivered. It may be tried again then: if it was, its client gets it twice.": (
        "Выяснено, что сообщение не доставлено. Тогда его можно повторить: если оно всё же доставлено, клиент получит его дважды."
    ),
    "Somebody has found out that these messages were not delivered."
    " They may be tried again then: if one was, its client gets it twice.": (
        "Выяснено, что эти сообщения не доставлены. Тогда их можно повторить: если какое-то всё же доставлено, клиент получит его дважды."
    ),
    "The answer is written down.": "Ответ записан.",
    "settle": "ответ о доставке",
    "outcome": "исход",
    "sent": "отправлено",
    "not_delivered": "не доставлено",
    "unknown_outcome": "неизвестно",
    "the mailing has no such message": "в рассылке нет такого сообщения",
    "it is being called for: ask again in a minute": "оно отправляется прямо сейчас: повторите через минуту",
    "its outcome is known already": "его исход уже известен",
    "Not before": "Не раньше",
    "Not delivered, all attempts used up": "Не доставлено, попытки исчерпаны",
    "Not sent: errors and expired": "Не отправлено: ошибки и просрочка",
    "Nothing is sent until it is started": "Ничего не отправляется, пока рассылку не запустят",
    "Nothing was changed since it was made.": "С момента создания ничего не менялось.",
    "Number": "Количество",
    "Old password": "Старый пароль",
    "On the do-not-contact list": "В списке «не беспокоить»",
    "Opens": "Откроется",
    "Operator code": "Код оператора",
    "Operator codes": "Коды операторов",
    "Owner": "Владелец",
    "Password": "Пароль",
    "Pause": "Приостановить",
    "Paused": "Приостановлена",
    "Paused: nothing is sent until somebody lets it continue. What passes its end meanwhile expires.": (
        "Приостановлена: ничего не отправляется, пока её не продолжат. То, чему за это время придёт конец, будет просрочено."
    ),
    "Phone": "Телефон",
    "Planned": "Запланировано",
    "Preview": "Предпросмотр",
    "Preview: nothing is written yet.": "Предпросмотр: пока ничего не записано.",
    "Progress": "Ход",
    "Reason": "Причина",
    "Refused by the provider": "Отказ провайдера",
    "Resume": "Продолжить",
    "Revoke": "Отозвать",
    "Revoke this token? Whoever uses it is out at once.": "Отозвать токен? Доступ по нему сразу прекратится.",
    "Row": "Строка",
    "Running": "Идёт",
    "Running mailings": "Текущие рассылки",
    "Scheduled": "Запланирована",
    "Sees and does everything": "Видит и может всё",
    "Send": "Отправить",
    "Send from": "Отправлять с",
    "Send it with every request: Authorization: Token …": "Передавайте его в каждом запросе: Authorization: Token …",
    "Send until": "Отправлять до",
    "Sending now: %(people)s in %(zone)s.": "Отправляется: %(people)s, %(zone)s.",
    "Sends the text to one phone.": "Отправит текст на один телефон.",
    "Sent": "Отправлено",
    "Something went wrong on our side.": "Что-то пошло не так на нашей стороне.",
    "Starts": "Начало",
    "Status": "Статус",
    "Still to come": "Ещё впереди",
    "Superuser": "Суперпользователь",
    "Tags": "Теги",
    "Taken from the phone if left empty": "Если пусто, берётся из номера телефона",
    "Test clients": "Тестовые клиенты",
    "Test send": "Тестовая отправка",
    "Text": "Текст",
    "The client lacks a value that the text needs": "У клиента нет значения, нужного тексту",
    "The client was deleted": "Клиент удалён",
    "Who got which message can then no longer be looked up; how many were sent stays in the statistics.": (
        "Кто какое сообщение получил, узнать будет нельзя; число отправленных останется в статистике."
    ),
    "Delete with unknown outcomes": "Удалить вместе с неизвестными исходами",
    "Messages of this mailing that may have been delivered are deleted with it: nothing else records that. "
    "Its final counts stay in the statistics.": (
        "Вместе с рассылкой удаляются сообщения, которые могли быть доставлены: больше об этом нигде не записано. "
        "Итоговые числа останутся в статистике."
    ),
    "The mailing is deleted.": "Рассылка удалена.",
    "owner deactivated": "владелец отключён",
    "Started by hand": "Запущена вручную",
    "First run": "Первый проход",
    "messages that may have been delivered, of which this is the only record: %(n)s": (
        "сообщения, которые могли быть доставлены и о которых больше нигде не записано: %(n)s"
    ),
    "the end is past": "конец уже прошёл",
    "clocks skip the time between start and end": "перевод часов пропускает время между началом и концом",
    "too little time between start and end": "между началом и концом слишком мало времени",
    "the sending hours never open between start and end": "часы отправки не наступают между началом и концом",
    "unknown time zone": "неизвестный часовой пояс",
    "Selected clients to whom nothing can be sent: %(clients)s, in %(zones)s.": (
        "Выбранные клиенты, которым ничего нельзя отправить: %(clients)s, %(zones)s."
    ),
    "The phone has a message of this mailing already, as another client's": "На этот телефон уже есть сообщение рассылки у другого клиента",
    "Unknown time zone: correct the client's time zone and retry": "Неизвестный часовой пояс: исправьте его у клиента и повторите",
    "The first rows are read as": "Первые строки прочитаны так",
    "The mailing continues.": "Рассылка продолжается.",
    "The mailing has started.": "Рассылка запущена.",
    "The mailing is cancelled.": "Рассылка отменена.",
    "The mailing is paused.": "Рассылка приостановлена.",
    "The message is being tried again.": "Сообщение отправляется повторно.",
    "The password was changed.": "Пароль изменён.",
    "The provider answers": "Провайдер отвечает",
    "The provider did not take the test message: %(why)s": "Провайдер не принял тестовое сообщение: %(why)s",
    "The provider fails": "Провайдер не работает",
    "The provider rejects our configuration": "Провайдер не принимает наши настройки",
    "The provider took the test message.": "Провайдер принял тестовое сообщение.",
    "The text as the first selected client would read it; it counts nowhere.": (
        "Текст — как его прочтёт первый подходящий клиент; в статистику не попадёт."
    ),
    "The token is revoked.": "Токен отозван.",
    "The two are not the same.": "Пароли не совпадают.",
    "The zone in which moments are shown": "Пояс, в котором указано время",
    "This is not a date and time.": "Это не дата и время.",
    "This is not a time of day.": "Это не время суток.",
    "This is not a whole number.": "Это не целое число.",
    "There is something in this address or form that cannot be looked for or kept.": (
        "В этом адресе или форме есть то, что нельзя ни найти, ни сохранить."
    ),
    "Time zone": "Часовой пояс",
    "Time zone of these times": "Часовой пояс этого времени",
    "Too many attempts with this name or from this address. Try again in %(minutes)d min.": (
        "Слишком много попыток с этим именем или с этого адреса. Повторите через %(minutes)d мин."
    ),
    "Try again": "Повторить",
    "Try failed ones again": "Повторить неотправленные",
    "Try these messages again?": "Повторить эти сообщения?",
    "Users": "Пользователи",
    "There is nothing here: it was deleted, or never was, or is somebody else's.": (
        "Здесь ничего нет: удалено, никогда не было или принадлежит не вам."
    ),
    "This is not for you to see.": "Эта страница не для вас.",
    "Waiting": "Ожидает",
    "What": "Что",
    "What is wrong": "Что не так",
    "What still waits will not be sent. This cannot be undone.": "То, что ещё ожидает, не будет отправлено. Отменить это нельзя.",
    "What was written:": "Текст рассылки:",
    "What went wrong": "Что пошло не так",
    "When": "Когда",
    "Who": "Кто",
    "An inactive user loses access at once, everywhere; sessions end and API tokens are revoked. Scheduled and running "
    "mailings of the user are paused, and stay so until somebody resumes them": (
        "Неактивный пользователь сразу теряет доступ везде; сеансы завершаются, токены API отзываются. Его запланированные и "
        "идущие рассылки приостанавливаются, пока кто-нибудь их не продолжит"
    ),
    "There are no tokens.": "Токенов нет.",
    "The new token. It is shown this once: copy it now.": "Новый токен. Он показан единственный раз: скопируйте его сейчас.",
    "Address": "Адрес",
    "Began": "Начат",
    "Browser": "Браузер",
    "Documentation": "Документация",
    "Front page": "Главная страница",
    "End": "Завершить",
    "End all others": "Завершить все остальные",
    "Ended.": "Завершено.",
    "Keep my API tokens": "Оставить мои токены API",
    "Otherwise all of them are revoked: whoever knows the old password may have made one.": (
        "Иначе все они будут отозваны: тот, кто знает старый пароль, мог создать токен."
    ),
    "Revoke all": "Отозвать все",
    "Revoke all these tokens? Whoever uses one loses access at once.": (
        "Отозвать все эти токены? Тот, кто ими пользуется, сразу потеряет доступ."
    ),
    "Sessions": "Сеансы",
    "this session": "этот сеанс",
    "only a superuser may name another user, and one that exists and is active": (
        "другого пользователя может назвать только суперпользователь, и он должен существовать и быть активным"
    ),
    "your own password is changed with the old one": "свой пароль меняют, указав старый",
    "session": "сеанс",
    "revoke_tokens": "отзыв всех токенов",
    "revoked_tokens": "отозвано токенов",
    "tokens": "токены",
    "Your password is changed; your other sessions have ended and your API tokens are revoked.": (
        "Пароль изменён; другие ваши сеансы завершены, токены API отозваны."
    ),
    "Your password is changed; your other sessions have ended.": "Пароль изменён; другие ваши сеансы завершены.",
    "client": "клиента",
    "entry": "запись",
    "leave it as it is": "оставить как есть",
    "left as they are": "оставлено как есть",
    "mailing": "рассылку",
    "message": "сообщение",
    "messages a second": "сообщений в секунду",
    "Messages a second": "Сообщений в секунду",
    "more rows": "ещё строк",
    "never": "никогда",
    "new": "новых",
    "%(sent)s of %(total)s sent": "Отправлено %(sent)s из %(total)s",
    "The file would have %(size)s MB, and %(most)s are possible: filter the list, and export it in parts.": (
        "Файл занял бы %(size)s МБ, а возможно не более %(most)s: отфильтруйте список и выгрузите его частями."
    ),
    "Not planned yet": "Ещё не запланировано",
    "rows with errors": "строк с ошибками",
    "user": "пользователя",
    # Said by the library, but not in Russian
    "Change language": "Сменить язык",
    "Next page": "Следующая страница",
    "Open user menu": "Меню пользователя",
    "Previous page": "Предыдущая страница",
    "Toggle navigation": "Показать или скрыть меню",
    # Names of fields and of what history tells, as services call them
    "phone": "телефон",
    "time_zone": "часовой пояс",
    "operator_code": "код оператора",
    "tags": "теги",
    "attributes": "атрибуты",
    "starts_at": "начало",
    "ends_at": "конец",
    "owner_id": "владелец",
    "filter_operator_codes": "коды операторов",
    "filter_tags": "теги",
    "providers": "провайдеры",
    "draft": "черновик",
    "status": "статус",
    "messages": "сообщения",
    "clients": "клиенты",
    "token": "токен",
    "create": "создание",
    "update": "изменение",
    "delete": "удаление",
    "start": "запуск",
    "pause": "пауза",
    "resume": "продолжение",
    "cancel": "отмена",
    "import": "импорт",
    "retry_failed": "повтор неотправленных",
    "add_message": "сообщение добавлено",
    "requeue_message": "сообщение отправляется повторно",
    "delete_message": "сообщение удалено",
    "postpone_message": "сообщение отложено",
    "cancel_message": "сообщение отменено",
    "change_password": "смена пароля",
    "create_token": "создание токена",
    "revoke_token": "отзыв токена",
    "add_test_clients": "создание тестовых клиентов",
    "delete_all_clients": "удаление всех клиентов",
    "scheduled": "запланирована",
    "running": "идёт",
    "paused": "приостановлена",
    "finished": "завершена",
    "cancelled": "отменена",
    "or": "или",
    "edited": "изменить",
    "drafted": "сделать черновиком",
    "started": "запустить",
    "resumed": "продолжить",
    "deleted": "удалить",
    "test_send": "тестовая отправка",
    # Second factor
    "Second factor": "Второй фактор",
    "One-time code": "Одноразовый код",
    "Only if you have set up a second factor; a recovery code will do, too.": (
        "Только если вы настроили второй фактор; подойдёт и код восстановления."
    ),
    "Logging in then takes your password and a code from an app on your phone.": (
        "Тогда для входа нужны пароль и код из приложения на вашем телефоне."
    ),
    "Scan this picture with an authenticator app, or type the key into it.": (
        "Отсканируйте картинку приложением-аутентификатором или введите в него ключ."
    ),
    "Type the six digits that the app shows.": "Введите шесть цифр, которые показывает приложение.",
    "QR code with the key below": "QR-код с ключом, указанным ниже",
    "Code from the app": "Код из приложения",
    "Turn on": "Включить",
    "Turn off": "Выключить",
    "The second factor is on.": "Второй фактор включён.",
    "The second factor is off.": "Второй фактор выключен.",
    "Recovery codes left: %(n)s": "Осталось кодов восстановления: %(n)s",
    "Code for new recovery codes": "Код, чтобы получить новые коды восстановления",
    "New recovery codes": "Новые коды восстановления",
    "Code for turning it off": "Код, чтобы выключить",
    "Your recovery codes. They are shown this once: keep them in a safe place.": (
        "Ваши коды восстановления. Они показываются один раз: сохраните их в надёжном месте."
    ),
    "Each replaces the app's code at one login.": "Каждый заменяет код приложения при одном входе.",
    "Remove second factor": "Убрать второй фактор",
    "For a user who has lost phone and recovery codes. All sessions of this user end.": (
        "Для пользователя, потерявшего телефон и коды восстановления. Все его сеансы завершатся."
    ),
    "The second factor was removed.": "Второй фактор убран.",
    "second_factor_on": "второй фактор включён",
    "second_factor_off": "второй фактор выключен",
    "The second factor is changed within 15 minutes of logging in. You logged in earlier.": (
        "Второй фактор можно изменить в течение 15 минут после входа. Вы вошли раньше."
    ),
    "Log in again": "Войти ещё раз",
    "log in again first: this is only done within 15 minutes of logging in": (
        "сначала войдите ещё раз: это можно сделать только в течение 15 минут после входа"
    ),
    "Sessions are ended within 15 minutes of logging in. You logged in earlier.": (
        "Завершать сеансы можно в течение 15 минут после входа. Вы вошли раньше."
    ),
    "End sessions": "Завершить сеансы",
    "The user has to log in again, in every browser. API tokens stay valid.": (
        "Пользователю придётся войти заново в каждом браузере. API-токены продолжат действовать."
    ),
    "The sessions have ended.": "Сеансы завершены.",
    "end_sessions": "сеансы завершены",
    "Single sign-on": "Единый вход",
    "The first person whom the provider names so logs in as this user from then on. Empty: nobody does. All sessions of this user end.": (
        "Первый, кого провайдер назовёт так, с этого момента входит как этот пользователь. Пусто: никто. Сеансы пользователя завершатся."
    ),
    "E-mail address at the provider": "Адрес почты у провайдера",
    "User name at the provider": "Имя пользователя у провайдера",
    "Single sign-on was changed.": "Единый вход изменён.",
    "sign_on_prepared": "единый вход разрешён",
    "sign_on_removed": "единый вход убран",
    "sign_on_linked": "единый вход связан",
    "single sign-on failed: try again, or ask an administrator for access": (
        "единый вход не удался: попробуйте ещё раз или попросите доступ у администратора"
    ),
    "password login is switched off here: log in with single sign-on in the admin panel": (
        "вход по паролю здесь отключён: войдите через единый вход в панели"
    ),
    "single sign-on is not configured here": "единый вход здесь не настроен",
    "this user has no single sign-on": "у этого пользователя нет единого входа",
    "another user is prepared for this": "это уже разрешено другому пользователю",
    "the second factor is on already": "второй фактор уже включён",
    "this user has no second factor": "у этого пользователя нет второго фактора",
    "this is not the code that the app shows now": "это не тот код, который приложение показывает сейчас",
    "this code is wrong, or was used before": "код неверен или уже использован",
    "a one-time code is needed: this one is missing, wrong, or was used before": (
        "нужен одноразовый код: его нет, он неверен или уже использован"
    ),
    # Personal data
    "Personal data": "Персональные данные",
    "Export: all that is known of this phone, as a JSON file.": "Выгрузка: всё, что известно об этом телефоне, файлом JSON.",
    "Erase: clients are deleted, and phone, name and attributes are removed everywhere. Messages and do-not-contact entries keep a hash in"
    " place of the phone, so that nobody is sent a message twice or after opting out. This cannot be undone.": (
        "Стирание: клиенты удаляются, телефон, имя и атрибуты убираются отовсюду. В сообщениях и в списке «не беспокоить» вместо телефона"
        " остаётся хеш, чтобы никто не получил сообщение дважды или после отказа. Отменить это нельзя."
    ),
    "Erase this person? This cannot be undone.": "Стереть данные этого человека? Отменить это нельзя.",
    "Phone to be erased": "Телефон, данные о котором надо стереть",
    "Erase": "Стереть",
    "Choose what is to be done.": "Выберите, что нужно сделать.",
    "erase_person": "стирание данных лица",
    "export_person": "выгрузка данных лица",
    # The audit log
    "Audit log": "Журнал аудита",
    "event": "событие",
    "Event": "Событие",
    "User ID": "ID пользователя",
    "Token ID": "ID токена",
    "Details": "Подробности",
    "Logged in": "Вход",
    "Login failed": "Неудачный вход",
    "Too many attempts": "Слишком много попыток",
    "Access denied": "Доступ запрещён",
    "Refused": "Отказано",
    "API token created": "Создан токен API",
    "API token revoked": "Отозван токен API",
    "Data exported": "Данные выгружены",
    "Person erased": "Данные лица стёрты",
    # What services say
    "no user has this name and password": "нет пользователя с таким именем и паролем",
    "it is being sent, or may have been delivered: its fate is not known yet": (
        "оно отправляется или, возможно, уже доставлено: судьба его пока неизвестна"
    ),
    "nobody deletes themselves, nor the last active superuser": (
        "нельзя удалить ни себя, ни последнего активного суперпользователя"
    ),
    "the last active superuser stays one": "последний активный суперпользователь им и остаётся",
    "the owner has a client with this phone already": "у владельца уже есть клиент с этим телефоном",
    "the owner has a client with this phone": "у владельца уже есть клиент с этим телефоном",
    "the owner of a mailing changes only while it has no messages": (
        "владельца рассылки можно сменить, только пока у неё нет сообщений"
    ),
    "the owner of a client changes only while it has no messages": (
        "владельца клиента можно менять, только пока у клиента нет сообщений"
    ),
    "this client, or this phone, has a message of this mailing already": (
        "у этого клиента или телефона уже есть сообщение этой рассылки"
    ),
    "this phone is on the do-not-contact list": "этот телефон в списке «не беспокоить»",
    "this user owns clients, mailings or do-not-contact entries: deactivate them instead": (
        "у пользователя есть клиенты, рассылки или список «не беспокоить»: сделайте его неактивным"
    ),
    "the name %(raw)s is given twice, as %(first)s and %(second)s, in letters that are composed differently: give it once": (
        "имя %(raw)s указано дважды, под номерами %(first)s и %(second)s, с по-разному составленными буквами: укажите его один раз"
    ),
    "the attribute %(raw)s stands in lines %(first)s and %(second)s: give it once": (
        "атрибут %(raw)s указан в строках %(first)s и %(second)s: укажите его один раз"
    ),
    "the attribute %(name)s stands in the column %(raw)s, too: give it once": (
        "атрибут %(name)s указан и в столбце %(raw)s: укажите его один раз"
    ),
    "a name of an attribute is made of letters, digits and _, a digit not first; capital letters are not small ones": (
        "имя атрибута состоит из букв, цифр и знака _, цифра не первая; большие и маленькие буквы различаются"
    ),
    "belongs to another owner than the mailing": "принадлежит не владельцу рассылки",
    "is past in every time zone of the clients": "уже прошёл во всех часовых поясах клиентов",
    "in no time zone of the clients is there any time between start and end: clocks skip it": (
        "ни в одном часовом поясе клиентов между началом и концом нет времени: его пропускает перевод часов"
    ),
    "no selected client is in a time zone that is known here": "ни один выбранный клиент не находится в известном часовом поясе",
    "only a superuser may name another user, and one that exists": (
        "только суперпользователь может назначить другого, и существующего, пользователя"
    ),
    "this is not your password": "это не ваш пароль",
    "a wall time of the years %(first)s to %(last)s": "дата и время в годах с %(first)s по %(last)s",
    "not the IANA name of a time zone, like Europe/Moscow": "это не название часового пояса IANA, например Europe/Moscow",
    "another user has this name": "это имя занято",
    "only a superuser may do this": "это может только суперпользователь",
    "test clients are switched off on this stage (TEST_CLIENTS_ENABLED)": "тестовые клиенты здесь отключены",
    "a password does not contain the user's name": "пароль не должен содержать имя пользователя",
    "a password is not made of digits alone": "пароль не может состоять из одних цифр",
    "this password is one of the first that anybody tries": "этот пароль подбирают одним из первых",
    "a number of this country cannot have this many digits": "в номере этой страны не может быть столько цифр",
    "a phone number is written in E.164: + and 7 to 15 digits, like +79101234567": (
        "телефон записывается в формате E.164: + и от 7 до 15 цифр, например +79101234567"
    ),
    "no country calling code begins like this number": "так не начинается код ни одной страны",
    "it may have been delivered, and this provider might deliver it again: a deliberate second text is a new mailing": (
        "оно могло быть доставлено, и провайдер может доставить его ещё раз: для второго сообщения создайте новую рассылку"
    ),
    "its client was deleted": "его клиент удалён",
    "its phone has a message of this mailing already, as another client's": (
        "на его телефон уже есть сообщение этой рассылки у другого клиента"
    ),
    "its time zone is not in the time zone data: correct the client's time zone first": (
        "его часового пояса нет в данных о часовых поясах: сначала исправьте часовой пояс клиента"
    ),
    "its phone is not kept: its mailing was finished long ago, or it was imported after it may have been sent": (
        "его телефон не хранится: рассылка давно завершена, или сообщение импортировано, когда его уже могли отправить"
    ),
    "messages of it are being sent, or may have been delivered: their fate is not known yet": (
        "её сообщения отправляются или могли быть доставлены: что с ними стало, ещё не известно"
    ),
    "the first row must name the columns message and delivered, each once": (
        "в первой строке должны быть названы столбцы message и delivered, каждый один раз"
    ),
    "this is a workbook or an archive, not a CSV file": "это книга или архив, а не файл CSV",
    "its phone is on the do-not-contact list": "его телефон в списке «не беспокоить»",
    "the mailing's end is past where the client lives": "там, где живёт клиент, рассылка уже закончилась",
    "must be after the start": "должен быть позже начала",
    "both hours are given, or neither": "укажите оба часа или ни одного",
    "must differ from the first hour; leave both out to send all day": (
        "часы должны различаться; чтобы отправлять весь день, не указывайте их"
    ),
    "a %(status)s mailing cannot be %(action)s: it must be %(states)s": (
        "состояние рассылки — «%(status)s», поэтому её нельзя %(action)s; можно в состоянии: %(states)s"
    ),
    "%(fields)s can change only before the mailing's first run": "это можно менять только до первого запуска рассылки: %(fields)s",
    "lacks the attribute %(raw)s, which the text needs": "нет атрибута %(raw)s, нужного тексту",
    "A CSV file or an .xlsx workbook. Its first row holds the names of the columns; a phone and a time zone must be there:": (
        "Файл CSV или книга .xlsx. В первой строке — названия столбцов; обязательны телефон и часовой пояс:"
    ),
    "Encoding of a CSV file": "Кодировка файла CSV",
    "Delimiter": "Разделитель",
    "As in the first row": "Как в первой строке",
    "Comma": "Запятая",
    "Semicolon": "Точка с запятой",
    "Tab": "Табуляция",
    "Columns": "Столбцы",
    "Column of the file": "Столбец файла",
    "First values": "Первые значения",
    "Becomes": "Чем становится",
    "A phone without + is read as a number of this country and must be valid there.": (
        "Телефон без + читается как номер этой страны и должен быть в ней действительным."
    ),
    "update it from the file; what the file has no column for stays": "обновить из файла; то, для чего в файле нет столбца, останется",
    "Rows in the file": "Строк в файле",
    "updated": "обновлено",
    "blank rows": "пустых строк",
    "Column": "Столбец",
    "Cell": "Ячейка",
    "Code": "Код",
    "All rows with errors": "Все строки с ошибками",
    "Must not be empty": "Не может быть пустым",
    "From then on nothing is delivered. Must not be empty": "С этого момента ничего не доставляется. Не может быть пустым",
    "Fixed since the first run": "После первого запуска не меняется",
    "Pause the mailing to change this": "Чтобы изменить, приостановите рассылку",
    "SMS of the text": "SMS в тексте",
    "Alphabet of the text": "Алфавит текста",
    "Attribute": "Атрибут",
    "Left out": "Не брать",
    "(no name)": "(без названия)",
    "What the column is": "Чем является столбец",
    "Phones by country": "Телефоны по странам",
    "Country": "Страна",
    "Unassigned range": "Нераспределённый диапазон",
    "Rows whose phone and time zone contradict each other (they are imported as they stand)": (
        "Строк, где телефон и часовой пояс противоречат друг другу (они импортируются как есть)"
    ),
    "Download the bad rows with their reasons": "Скачать строки с ошибками и причинами",
    "Sheet": "Лист",
    "The connection broke; what was done stays. Press the button again: it goes on where it stopped.": (
        "Связь прервалась; сделанное сохранено. Нажмите кнопку ещё раз: импорт продолжится с того же места."
    ),
    "The file is too large.": "Файл слишком большой.",
    "Columns that are not known and will be left out, unless you choose what they are": (
        "Не опознанных столбцов, которые не будут взяты, если вы не выберете, чем они являются"
    ),
    "Columns of the file": "Столбцы файла",
    "Not all rows are accounted for: do not import this file.": "Учтены не все строки: не импортируйте этот файл.",
    "This is not a step of an import.": "Это не шаг импорта.",
    "row %(n)s: %(why)s": "строка %(n)s: %(why)s",
    "is the phone of row %(n)s, too": "этот телефон уже есть в строке %(n)s",
    "a quotation mark is opened at the beginning of a cell and not closed at its end": (
        "кавычка открыта в начале ячейки и не закрыта в её конце"
    ),
    "a quotation mark is opened in this row and takes in the rows after it: close it, or double it": (
        "в этой строке открыта кавычка, и она захватывает следующие строки: закройте её или удвойте"
    ),
    "the file is empty": "файл пуст",
    "a file has at most %(n)s MB": "файл не больше %(n)s МБ",
    "a file has 1 byte to %(n)s MB": "размер файла — от 1 байта до %(n)s МБ",
    "a workbook unpacks to at most %(n)s MB: save it as CSV UTF-8": (
        "распакованная книга не больше %(n)s МБ: сохраните её как CSV UTF-8"
    ),
    "this workbook cannot be read: save it as .xlsx again, or as CSV UTF-8": (
        "книгу не удаётся прочитать: сохраните её как .xlsx ещё раз или как CSV UTF-8"
    ),
    "this archive is no .xlsx workbook": "этот архив — не книга .xlsx",
    "the delimiter must be a comma, a semicolon or a tab": "разделитель должен быть запятой, точкой с запятой или табуляцией",
    "the encoding must be one of utf-8, windows-1251, utf-16": "кодировка должна быть одной из: utf-8, windows-1251, utf-16",
    "a workbook with a document type declaration is not read": "книга с объявлением типа документа не читается",
    "this is an Excel file of the old kind (.xls): save it as .xlsx or as CSV UTF-8": (
        "это файл Excel старого вида (.xls): сохраните его как .xlsx или как CSV UTF-8"
    ),
    "is not in %(raw)s: choose the file's encoding, or save it as CSV UTF-8": (
        "не в кодировке %(raw)s: выберите кодировку файла или сохраните его как CSV UTF-8"
    ),
    "holds a NUL character: choose the file's encoding, or save it as CSV UTF-8": (
        "содержит нулевой символ: выберите кодировку файла или сохраните его как CSV UTF-8"
    ),
    "holds a character that was lost when the file was saved (\ufffd): choose the file's encoding, or save it as CSV UTF-8": (
        "содержит символ, потерянный при сохранении файла (\ufffd): выберите кодировку файла или сохраните его как CSV UTF-8"
    ),
    "the names of the columns are separated by more than one of comma, semicolon and tab: choose the delimiter": (
        "названия столбцов разделены по-разному (запятая, точка с запятой, табуляция): выберите разделитель"
    ),
    "no column was chosen for: %(names)s": "не выбран столбец для: %(names)s",
    "columns %(raw)s are both %(name)s: leave one out, rename it, or choose another attribute": (
        "столбцы %(raw)s — оба %(name)s: уберите один, переименуйте его или выберите другой атрибут"
    ),
    "this file is being imported already; upload it again": "этот файл уже импортируется; загрузите его ещё раз",
    "not all of the file has arrived": "файл пришёл не целиком",
    "this slice does not belong to the file": "эта часть не от этого файла",
    "the rows before these come first": "сначала идут предыдущие строки",
    "no such upload": "такого файла нет",
    "Country of phones without +": "Страна телефонов без +",
    "None: every phone needs its +": "Нет: у каждого телефона должен быть +",
    "In forms and imports, a phone without + is read as a number of this country and must be valid there.": (
        "В формах и при импорте телефон без + читается как номер этой страны и должен быть в ней действительным."
    ),
    "The country of your phones is kept.": "Страна ваших телефонов сохранена.",
    "the default country must be an ISO 3166 code of two letters, like RU": "страна указывается кодом ISO 3166 из двух букв, например RU",
    "this number has too few digits for its country": "в номере слишком мало цифр для его страны",
    "this number has too many digits for its country": "в номере слишком много цифр для его страны",
    "a number of its country cannot have this many digits": "в номере этой страны не бывает столько цифр",
    "this number lacks its area code": "в номере нет кода города",
    "a number without its + can belong to any country: write it with + and the country calling code, or choose a default country": (
        "номер без + может быть номером любой страны: запишите его с + и кодом страны или выберите страну по умолчанию"
    ),
    "begins with 00, which is not dialled everywhere: write + in its place": (
        "начинается с 00, а это набирают не везде: напишите + вместо 00"
    ),
    "begins with a minus sign": "начинается со знака минус",
    "the + stands before all digits and nowhere else": "знак + стоит перед всеми цифрами и больше нигде",
    "a phone number is needed": "нужен номер телефона",
    "is a formula of a spreadsheet: export its value, in a column formatted as text": (
        "это формула электронной таблицы: выгрузите её значение, в столбце с текстовым форматом"
    ),
    "the apostrophe of a spreadsheet came along: %(fix)s": "попал апостроф электронной таблицы: %(fix)s",
    "is an error value of a spreadsheet, or a column that was too narrow: %(fix)s": (
        "это ошибка электронной таблицы или слишком узкий столбец: %(fix)s"
    ),
    "a spreadsheet rounded this number, its last digits are lost: %(fix)s": (
        "электронная таблица округлила номер, последние цифры потеряны: %(fix)s"
    ),
    "a spreadsheet took this number for an amount and gave it decimals: %(fix)s": (
        "электронная таблица приняла номер за сумму и добавила дробную часть: %(fix)s"
    ),
    "a spreadsheet took this number for an amount and separated its thousands: %(fix)s": (
        "электронная таблица приняла номер за сумму и отделила тысячи: %(fix)s"
    ),
    "format the column as text, enter the number again and export the file once more": (
        "задайте столбцу текстовый формат, введите номер заново и выгрузите файл ещё раз"
    ),
    "has an extension, which no message can be sent to: leave it out": (
        "содержит добавочный номер, на него сообщение не отправить: уберите его"
    ),
    "there are several numbers here: one number a cell, one client a row": (
        "здесь несколько номеров: нужен один номер в ячейке, один клиент в строке"
    ),
    'has letters ("%(raw)s", %(name)s): write digits in their place': "содержит буквы («%(raw)s», %(name)s): замените их цифрами",
    "has a character that no phone number has (%(raw)s)": "содержит знак, которого в номере телефона не бывает (%(raw)s)",
    "after +%(n)s a number is written without the prefix %(raw)s": "после +%(n)s номер пишется без префикса %(raw)s",
    "can be read in two ways: %(raw)s; write it with +": "читается двояко: %(raw)s; запишите номер с +",
    "is not a valid number of %(raw)s; numbers of other countries are written with + and their code": (
        "не является действительным номером страны %(raw)s; номера других стран пишутся с + и их кодом"
    ),
    "a NUL character is not allowed": "нулевой символ недопустим",
    "a whole number from %(least)s to %(most)s": "целое число от %(least)s до %(most)s",
    "no such client": "такого клиента нет",
    "no such mailing": "такой рассылки нет",
    "no such message": "такого сообщения нет",
    "no such user": "такого пользователя нет",
    "no such token": "такого токена нет",
    "no such do-not-contact entry": "такой записи в списке «не беспокоить» нет",
    "no such %(thing)s": "такого нет (%(thing)s)",
    "only a failed (4) or expired (3) message can be tried again, and this one is %(status)s": (
        "повторить можно только неотправленное или просроченное сообщение"
    ),
    "position %(n)s: a placeholder is ${name} or ${name|default}; a literal ${ is written $${, a dollar sign before a placeholder $$;"
    " a name is made of letters, digits and _, a digit not first; capital letters are not small ones": (
        "позиция %(n)s: подстановка пишется ${name} или ${name|слово}; знаки ${ сами по себе пишутся $${, знак доллара перед"
        " подстановкой — $$; имя состоит из букв, цифр и знака _, цифра не первая, большие и маленькие буквы различаются"
    ),
}

# Sentences with values in them, and sentences that name fields as the API does: what is found, and under what it stands above (a pair
# where the noun goes with the number `n`). Words in what a group found are translated, too, except in `raw`.
PATTERNS: tuple[tuple[str, str | tuple[str, str]], ...] = (
    (
        r"messages that may have been delivered, of which this is the only record: (?P<n>[\d,]+)",
        "messages that may have been delivered, of which this is the only record: %(n)s",
    ),
    (
        r"clients to whom nothing can be sent: (?P<n>[\d,]+) of (?P<total>\d+); (?P<raw>.+)",
        "clients to whom nothing can be sent: %(n)s of %(total)s; %(raw)s",
    ),
    (
        r"must be more than (?P<n>[\d.,]+) seconds? after the start, and after now: one call may take that long",
        (
            "must be more than %(n)s second after the start, and after now: one call may take that long",
            "must be more than %(n)s seconds after the start, and after now: one call may take that long",
        ),
    ),
    (
        r"the sending hours never open for more than (?P<n>[\d.,]+) seconds? between the start and the end",
        (
            "the sending hours never open for more than %(n)s second between the start and the end",
            "the sending hours never open for more than %(n)s seconds between the start and the end",
        ),
    ),
    (r"row (?P<n>[\d,]+): (?P<why>.+)", "row %(n)s: %(why)s"),
    (r"is the phone of row (?P<n>[\d,]+), too", "is the phone of row %(n)s, too"),
    (
        r"has (?P<n>[\d,]+) cells?, the header has (?P<most>[\d,]+): a cell with a delimiter in it needs quotation marks",
        (
            "has %(n)s cell, the header has %(most)s: a cell with a delimiter in it needs quotation marks",
            "has %(n)s cells, the header has %(most)s: a cell with a delimiter in it needs quotation marks",
        ),
    ),
    (r"a file has at most (?P<n>[\d,]+) MB", "a file has at most %(n)s MB"),
    (r"a file has 1 byte to (?P<n>[\d,]+) MB", "a file has 1 byte to %(n)s MB"),
    (
        r"a file has at most (?P<n>[\d,]+) rows?: split it",
        ("a file has at most %(n)s row: split it", "a file has at most %(n)s rows: split it"),
    ),
    (r"a file has at most (?P<n>[\d,]+) columns?", ("a file has at most %(n)s column", "a file has at most %(n)s columns")),
    (
        r"a workbook has at most (?P<n>[\d,]+) rows and (?P<most>[\d,]+) cells: save it as CSV UTF-8",
        "a workbook has at most %(n)s rows and %(most)s cells: save it as CSV UTF-8",
    ),
    (
        r"a workbook unpacks to at most (?P<n>[\d,]+) MB: save it as CSV UTF-8",
        "a workbook unpacks to at most %(n)s MB: save it as CSV UTF-8",
    ),
    (
        r"a cell has at most (?P<n>[\d,]+) characters?; is a quotation mark missing at the end of a cell\?",
        (
            "a cell has at most %(n)s character; is a quotation mark missing at the end of a cell?",
            "a cell has at most %(n)s characters; is a quotation mark missing at the end of a cell?",
        ),
    ),
    (
        r"a column's name has at most (?P<n>[\d,]+) characters?; does the first row hold the names\?",
        (
            "a column's name has at most %(n)s character; does the first row hold the names?",
            "a column's name has at most %(n)s characters; does the first row hold the names?",
        ),
    ),
    (
        r"is not in (?P<raw>[\w-]+): choose the file's encoding, or save it as CSV UTF-8",
        "is not in %(raw)s: choose the file's encoding, or save it as CSV UTF-8",
    ),
    (r"no column was chosen for: (?P<names>.+)", "no column was chosen for: %(names)s"),
    (
        r"columns (?P<raw>.+) are both (?P<name>.+): leave one out, rename it, or choose another attribute",
        "columns %(raw)s are both %(name)s: leave one out, rename it, or choose another attribute",
    ),
    (
        r"the name (?P<raw>.+) is given twice, as (?P<first>\d+) and (?P<second>\d+), in letters that are composed differently:"
        r" give it once",
        "the name %(raw)s is given twice, as %(first)s and %(second)s, in letters that are composed differently: give it once",
    ),
    (
        r"the attribute (?P<raw>.+) stands in lines (?P<first>\d+) and (?P<second>\d+): give it once",
        "the attribute %(raw)s stands in lines %(first)s and %(second)s: give it once",
    ),
    (
        r"the attribute (?P<name>.+) stands in the column (?P<raw>.+), too: give it once",
        "the attribute %(name)s stands in the column %(raw)s, too: give it once",
    ),
    *(
        (f"{said}: (?P<fix>format the column as text, .+)", f"{said}: %(fix)s")
        for said in (
            "the apostrophe of a spreadsheet came along",
            "is an error value of a spreadsheet, or a column that was too narrow",
            "a spreadsheet rounded this number, its last digits are lost",
            "a spreadsheet took this number for an amount and gave it decimals",
            "a spreadsheet took this number for an amount and separated its thousands",
        )
    ),
    (
        r'has letters \("(?P<raw>.)", (?P<name>.+)\): write digits in their place',
        'has letters ("%(raw)s", %(name)s): write digits in their place',
    ),
    (r"(?s)has a character that no phone number has \((?P<raw>.+)\)", "has a character that no phone number has (%(raw)s)"),
    (
        r"a phone number is written in at most (?P<n>[\d,]+) characters?",
        ("a phone number is written in at most %(n)s character", "a phone number is written in at most %(n)s characters"),
    ),
    (
        r"at most (?P<n>[\d,]+) test messages? an hour",
        ("at most %(n)s test message an hour", "at most %(n)s test messages an hour"),
    ),
    (
        r"has (?P<n>[\d,]+) digits?: a phone number has more",
        ("has %(n)s digit: a phone number has more", "has %(n)s digits: a phone number has more"),
    ),
    (
        r"has (?P<n>[\d,]+) digits?, a phone number has at most (?P<most>[\d,]+): are these two numbers\?",
        (
            "has %(n)s digit, a phone number has at most %(most)s: are these two numbers?",
            "has %(n)s digits, a phone number has at most %(most)s: are these two numbers?",
        ),
    ),
    (
        r"after \+(?P<n>\d+) a number is written without the prefix (?P<raw>\d+)",
        "after +%(n)s a number is written without the prefix %(raw)s",
    ),
    (r"can be read in two ways: (?P<raw>.+); write it with \+", "can be read in two ways: %(raw)s; write it with +"),
    (
        r"is not a valid number of (?P<raw>\w+); numbers of other countries are written with \+ and their code",
        "is not a valid number of %(raw)s; numbers of other countries are written with + and their code",
    ),
    (r"must be after starts_at", "must be after the start"),
    (r"send_from and send_until are given together or not at all", "both hours are given, or neither"),
    (
        r"must differ from send_from; leave both out to send all day",
        "must differ from the first hour; leave both out to send all day",
    ),
    (
        r"a (?P<status>\w+) mailing cannot be (?P<action>[\w ]+): it must be (?P<states>.+)",
        "a %(status)s mailing cannot be %(action)s: it must be %(states)s",
    ),
    (
        r"(?P<fields>.+) can change only before the mailing's first run",
        "%(fields)s can change only before the mailing's first run",
    ),
    (
        r"clients who would get no message, because they lack a value: (?P<n>[\d,]+); lacked values: (?P<raw>.+)",
        "clients who would get no message, because they lack a value: %(n)s; lacked values: %(raw)s",
    ),
    (r"a number is at most (?P<n>[\d,]+) either way", "a number is at most %(n)s either way"),
    (r"at most (?P<n>[\d,]+) operator codes?", ("at most %(n)s operator code", "at most %(n)s operator codes")),
    (
        r"a value of an attribute has at most (?P<n>[\d,]+) characters?",
        ("a value of an attribute has at most %(n)s character", "a value of an attribute has at most %(n)s characters"),
    ),
    (r"a wall time of the years (?P<first>\d+) to (?P<last>\d+)", "a wall time of the years %(first)s to %(last)s"),
    (r"at most (?P<n>[\d,]+) attributes?", ("at most %(n)s attribute", "at most %(n)s attributes")),
    (r"at most (?P<n>[\d,]+) tags?", ("at most %(n)s tag", "at most %(n)s tags")),
    (r"lacks the attribute (?P<raw>\w+), which the text needs", "lacks the attribute %(raw)s, which the text needs"),
    (
        r"has (?P<least>\d+) to (?P<n>[\d,]+) characters?",
        ("has %(least)s to %(n)s character", "has %(least)s to %(n)s characters"),
    ),
    (r"a whole number from (?P<least>\d+) to (?P<most>[\d,]+)", "a whole number from %(least)s to %(most)s"),
    (
        r"a user's name has (?P<least>\d+) to (?P<n>[\d,]+) printable characters?",
        ("a user's name has %(least)s to %(n)s printable character", "a user's name has %(least)s to %(n)s printable characters"),
    ),
    (
        r"a password has at least (?P<n>[\d,]+) different characters?",
        ("a password has at least %(n)s different character", "a password has at least %(n)s different characters"),
    ),
    (
        r"a password has (?P<least>\d+) to (?P<n>[\d,]+) characters?",
        ("a password has %(least)s to %(n)s character", "a password has %(least)s to %(n)s characters"),
    ),
    (
        r"an operator code is made of (?P<least>\d+) to (?P<n>[\d,]+) digits?",
        ("an operator code is made of %(least)s to %(n)s digit", "an operator code is made of %(least)s to %(n)s digits"),
    ),
    (
        r"a tag has (?P<least>\d+) to (?P<n>[\d,]+) characters?",
        ("a tag has %(least)s to %(n)s character", "a tag has %(least)s to %(n)s characters"),
    ),
    (
        r"a user has at most (?P<n>[\d,]+) tokens?: revoke one first",
        ("a user has at most %(n)s token: revoke one first", "a user has at most %(n)s tokens: revoke one first"),
    ),
    (
        r"the number of recipients has changed to (?P<n>[\d,]+): look again before you send",
        "the number of recipients has changed to %(n)s: look again before you send",
    ),
    (r"clients who would get the message at night: (?P<n>[\d,]+)", "clients who would get the message at night: %(n)s"),
    (r"no such (?P<thing>[\w -]+)", "no such %(thing)s"),
    (
        r"only a failed \(4\) or expired \(3\) message can be tried again, and this one is (?P<status>\w+) \(\d\)",
        "only a failed (4) or expired (3) message can be tried again, and this one is %(status)s",
    ),
    (
        r"position (?P<n>[\d,]+): a placeholder is .*",
        "position %(n)s: a placeholder is ${name} or ${name|default}; a literal ${ is written $${, a dollar sign before a placeholder $$;"
        " a name is made of letters, digits and _, a digit not first; capital letters are not small ones",
    ),
)
