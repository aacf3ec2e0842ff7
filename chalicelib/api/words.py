"""Russian for what the API's own pages say."""

from typing import Final

RUSSIAN: Final = {
    "Admin panel": "Панель управления",
    "API": "API",
    "Add test clients or delete all clients": "Добавить тестовых клиентов или удалить всех клиентов",
    "All routes, as links": "Все маршруты в виде ссылок",
    "Back to the front page": "На главную страницу",
    "Clients, mailings, messages and statistics": "Клиенты, рассылки, сообщения и статистика",
    "Documentation": "Документация",
    "Health": "Состояние",
    "Is the service alive, and its database?": "Работает ли сервис и отвечает ли база данных",
    "Log in": "Войти",
    "Log out": "Выйти",
    "Logged in as": "Вы вошли как",
    "Mailings to many clients, each message in the client's own local time.": (
        "Рассылки множеству клиентов: каждое сообщение приходит по местному времени клиента."
    ),
    "My account": "Моя учётная запись",
    "Password, sessions and API tokens": "Пароль, сеансы и токены API",
    "Test clients": "Тестовые клиенты",
    "The API, described and to be tried out": "Описание API, и здесь же можно отправлять запросы",
    "This form was out of date, and you are still logged in. Press the button again.": (
        "Форма устарела, и вы ещё не вышли. Нажмите кнопку ещё раз."
    ),
    "This ends your session in this browser. Your API tokens stay valid.": (
        "Сеанс в этом браузере завершится. Ваши токены API останутся действительными."
    ),
    "You are not logged in.": "Вы не вошли.",
}
